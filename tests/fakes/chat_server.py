"""A server for chat completions without a model: it sends the bytes that it is given, and records what it was asked."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("certificate.pem")
"""Signed by itself, for 127.0.0.1, until 2126; its key is in the same file."""
CUT = object()
"""Among the pieces of an answer: hang up here, without the end that was promised."""
WAIT = object()
"""Among them: send nothing more until the other end hangs up."""


@dataclass
class Scripted:
    """One answer, as it goes over the wire."""

    pieces: Iterable[object] = ()
    """Bytes; CUT or WAIT among them."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})


def stream(*pieces: bytes | object) -> Scripted:
    """A stream of these bytes."""
    return Scripted(pieces)


def events(*values: object, end: str = "\n\n", is_done: bool = True) -> Scripted:
    """A stream of these values, an event each."""
    texts = [json.dumps(value, ensure_ascii=False) for value in values] + (["[DONE]"] if is_done else [])
    return stream(*(f"data: {text}{end}".encode() for text in texts))


def refusal(status: int, body: object, **headers: str) -> Scripted:
    """An answer with an error's status."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "text/html" if isinstance(body, bytes) else "application/json"}
    return Scripted([data], status, kind | {name.replace("_", "-"): value for name, value in headers.items()})


def delta(finish: str | None = None, **values: object) -> dict[str, object]:
    """A piece of a reply."""
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": values, "finish_reason": finish}]}


@dataclass
class Asked:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class ChatServer:
    """Answers one request after the other as scripted; /v1/models always, the same. A context manager."""

    def __init__(self, *answers: Scripted, models: object = None, path: str = "", has_tls: bool = False) -> None:
        """models: what /v1/models says: a Scripted, or its JSON. path: of a Unix socket, not the loopback.

        has_tls: speak TLS, with the certificate beside this file, which nobody has signed.
        """
        self.answers = list(answers)
        self.models = models if models is not None else {"object": "list", "data": [{"id": "fake-model"}]}
        self.asked: list[Asked] = []
        self.pages: dict[str, object] = {}
        """What else it has, by path, as JSON."""
        self.hung_up = threading.Event()
        """Set when a client has gone away from an answer that waits."""
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        if path:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(path)
        else:
            self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.listen(64)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if has_tls else None
        if self._tls is not None:
            self._tls.load_cert_chain(CERTIFICATE)
        self._is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "ChatServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        with contextlib.suppress(OSError):  # closing alone would not end the thread that waits for connections
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def url(self) -> str:
        """Its address, as one would type it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def bodies(self) -> list[Any]:
        """The requests for replies."""
        return [one.body for one in self.asked if one.path.endswith("/chat/completions")]

    def _accept(self) -> None:
        while self._is_open:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            try:
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._answer(stack.enter_context(connection))
            except OSError:
                self.hung_up.set()

    def _answer(self, connection: socket.socket) -> None:
        asked = _read_request(connection)
        if asked is None:
            return
        with self._lock:
            self.asked.append(asked)
            if asked.path.endswith("/chat/completions"):
                answer = self.answers.pop(0) if self.answers else refusal(500, {"error": "nothing was scripted"})
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
            elif asked.path.endswith("/models"):
                answer = self.models if isinstance(self.models, Scripted) else refusal(200, self.models)
            elif asked.path in self.pages:
                answer = refusal(200, self.pages[asked.path])
            else:
                answer = refusal(404, {"error": "no such page"})
        try:
            self._send(connection, answer)
        finally:
            with self._lock:
                self._now -= asked.path.endswith("/chat/completions")

    def _send(self, connection: socket.socket, answer: Scripted) -> None:
        head = [f"HTTP/1.1 {answer.status} Said", "Connection: close", "Transfer-Encoding: chunked"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        for piece in answer.pieces:
            if piece is CUT:
                return
            if piece is WAIT:
                connection.settimeout(30)
                if not connection.recv(1):
                    self.hung_up.set()
                return
            if isinstance(piece, float):
                time.sleep(piece)
                continue
            assert isinstance(piece, bytes)
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")


def _read_request(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
        if data.startswith(b"\x16"):  # the beginning of a TLS handshake
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split()
    return Asked(method, path, headers, json.loads(body) if body else None)
