"""The two HTTP servers of `FakeHub`. Their answers follow what huggingface_hub 2.4 parses; they are no recordings."""

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.fakes.fake_hub import GOOD_TOKEN, TOKEN_WITHOUT_ACCESS, FakeHub, Fault, Repository, Request, StoredFile

_BLOCK_BYTES = 64 << 10


class HubServer(ThreadingHTTPServer):
    """One origin, on a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: FakeHub, handler: type["_Handler"]) -> None:
        self.hub = hub
        self.to_reset: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.server_close()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._open.discard(request)
        if request in self.to_reset:
            self.close_request(request)  # without the polite end: the kernel sends RST
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are part of the job."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    @property
    def hub(self) -> FakeHub:
        return self.server.hub

    @property
    def token(self) -> str | None:
        words = self.headers.get("Authorization", "").split()
        return words[1] if len(words) == 2 else None

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""

    def answer(self, part: str, status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.note(part, status)  # first: who has read the answer may look at the log
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message} if code else {"X-Error-Message": message}
        self.answer("api", status, {"error": message}, headers)

    def note(self, part: str, status: int, sent_bytes: int = 0) -> None:
        path = urlsplit(self.path).path
        span = self.headers.get("Range", "")
        self.hub.record(Request(part, self.command, path, status, span, sent_bytes, self.token))

    def is_broken(self, part: str, fault: Fault | None) -> bool:
        """Whether a fault has answered already."""
        kind = fault.kind if fault is not None else ""
        if fault is None or kind not in ("hang", "status", "expired", "nonsense"):
            return False
        if kind == "hang":
            self.note(part, 0)
            time.sleep(fault.seconds)
            self.close_connection = True
        elif kind == "status":
            self.answer(part, fault.code, b"out of order", fault.headers)
        elif kind == "expired":
            self.answer(part, 403, b"<Error><Message>Request has expired</Message></Error>")
        else:
            self.answer(part, 200, b"<html>Welcome to our hotel</html>", {"Content-Type": "text/html"})
        return True

    def send_file(self, file: StoredFile, fault: Fault | None, headers: Mapping[str, str]) -> None:
        kind = fault.kind if fault is not None else ""
        size = file.bytes - (fault.after if fault is not None and kind == "short" else 0)
        start, end, status = 0, size, 200
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span and kind != "norange":
            start, end, status = int(span[1]), min(size, int(span[2] or size) + 1), 206
            if start >= end:
                self.answer("file", 416, b"", {"Content-Range": f"bytes */{size}"})
                return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        if self.command == "HEAD":
            self.note("sign", status)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(file, fault, start, end, status)

    def _send_body(self, file: StoredFile, fault: Fault | None, start: int, end: int, status: int) -> None:
        with self.hub.lock:
            self.hub.connections += 1
            self.hub.most_connections = max(self.hub.most_connections, self.hub.connections)
        sent = 0
        try:
            with file.disk.open("rb") as data:
                data.seek(start)
                for size in self._blocks(end - start, fault):
                    block = data.read(size)
                    if fault is not None and fault.kind == "corrupt" and 0 <= fault.after - start - sent < len(block):
                        at = fault.after - start - sent
                        block = block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
                    self.wfile.write(block)
                    sent += len(block)
        except OSError:
            self.close_connection = True
        finally:
            with self.hub.lock:
                self.hub.connections -= 1
            self.note("file", status, sent)
        if sent < end - start:
            self._hang_up(with_reset=fault is not None and fault.reset)

    def _blocks(self, total: int, fault: Fault | None) -> Iterator[int]:
        """Sizes of the pieces to send; what is slow or stalls waits between them."""
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "cut":
            total = min(total, fault.after)
        begun, sent = time.monotonic(), 0
        while sent < total:
            if fault is not None and kind == "stall" and sent >= fault.after:
                time.sleep(fault.seconds)
                kind = ""
            size = min(_BLOCK_BYTES, total - sent)
            yield size
            sent += size
            if fault is not None and kind == "slow":
                time.sleep(max(0.0, begun + sent / fault.bytes_per_second - time.monotonic()))

    def _hang_up(self, *, with_reset: bool) -> None:
        self.close_connection = True
        if with_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.to_reset.add(self.connection)


class HubHandler(_Handler):
    """The API and the redirects."""

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def _route(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._list(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(match[1], match[2], match[3])
        else:
            self.refuse(404, "", "Not found")

    def _find(self, name: str, revision: str, *, is_listing: bool) -> Repository | None:
        """The repository, or None after a refusal, as the real Hub words them."""
        repository = self.hub.repositories.get(name)
        if self.token not in (None, GOOD_TOKEN, TOKEN_WITHOUT_ACCESS):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repository is None or (repository.is_private and self.token != GOOD_TOKEN):
            self.refuse(404 if self.token else 401, "RepoNotFound", "Repository not found")
        elif repository.is_gated and not is_listing and self.token != GOOD_TOKEN:
            self.refuse(403 if self.token else 401, "GatedRepo", f"Access to model {name} is restricted.")
        elif revision not in ("main", repository.commit):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return repository
        return None

    def _list(self, name: str, revision: str) -> None:
        fault = self.hub.take_fault("api", name)
        if self.is_broken("api", fault):
            return
        repository = self._find(name, revision, is_listing=True)
        if repository is None:
            return
        siblings = []
        for file in repository.files.values():
            lfs = {"lfs": {"sha256": file.sha256, "size": file.bytes, "pointerSize": 135}} if file.is_large else {}
            siblings.append({"rfilename": file.path, "size": file.bytes, "blobId": file.git_id, **lfs})
        about = {"id": name, "modelId": name, "sha": repository.commit, "tags": ["gguf"], "siblings": siblings}
        if fault is not None and fault.kind == "headless":
            del about["sha"]
        self.answer("api", 200, {**about, "private": repository.is_private, "gated": repository.is_gated})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        fault = self.hub.take_fault("sign", f"{name}/{path}")
        if self.is_broken("sign", fault):
            return
        repository = self._find(name, revision, is_listing=False)
        if repository is None:
            return
        file = repository.files.get(path)
        if file is None or (fault is not None and fault.kind == "gone"):
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        kind = fault.kind if fault is not None else ""
        headers = {}
        if kind != "bare":
            etag = f'"{file.sha256}"'
            headers = {"X-Repo-Commit": repository.commit, "X-Linked-Size": str(file.bytes), "X-Linked-Etag": etag}
        if kind == "xet":
            token_page = f"{self.hub.endpoint}/api/models/{name}/xet-read-token/{repository.commit}"
            headers |= {"X-Xet-Hash": file.sha256, "Link": f'<{token_page}>; rel="xet-auth"'}
        if kind == "direct" or not file.is_large:
            self.send_file(file, self.hub.take_fault("file", f"{name}/{path}"), headers)
            return
        headers["Location"] = f"{self.hub.file_endpoint}/{name}/{file.sha256}/{path}?Signature={time.monotonic_ns()}"
        if fault is not None and kind == "misled":
            headers |= fault.headers
        self.answer("sign", 302, b"", headers)


class FileHandler(_Handler):
    """The bytes, on the other origin."""

    def do_GET(self) -> None:
        match = re.fullmatch(r"/([^/]+/[^/]+)/[0-9a-f]{64}/(.+)", unquote(urlsplit(self.path).path))
        repository = self.hub.repositories.get(match[1]) if match else None
        file = repository.files.get(match[2]) if repository and match else None
        if match is None or file is None:
            self.answer("file", 404)
            return
        fault = self.hub.take_fault("file", f"{match[1]}/{match[2]}")
        if not self.hub.is_signed(urlsplit(self.path).query):
            fault = Fault("expired")
        if not self.is_broken("file", fault):
            self.send_file(file, fault, {"ETag": '"of-the-store"'})
