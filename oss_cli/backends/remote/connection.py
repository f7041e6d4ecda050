"""Requests to one server, and what comes back, as JSON. Knows the key and sends it nowhere else; knows no events."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from oss_cli import __version__
from oss_cli.backends.remote.server import Server
from oss_cli.backends.remote.sse import read_events
from oss_cli.backends.remote.wire import Refusal, read_refusal
from oss_cli.http import HttpTrouble, ServiceAnswer, ServiceClient, Transport, read_wait_s

_MOST_BYTES = 16 << 20
"""Of an answer that is no stream."""
_DONE = "[DONE]"


class Refused(Exception):
    """The server answered, and not with what was asked for."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Connection:
    """The way to one server; may be used by many threads at once. Close it."""

    def __init__(self, server: Server, transport: Transport | None = None) -> None:
        """transport: another way for requests to travel than to the address: a Unix socket."""
        self.server = server
        is_local = transport is not None or server.is_loopback
        has_tls = server.url.startswith("https:")
        self._client = ServiceClient(
            silence_s=server.silence_s, is_local=is_local, has_tls=has_tls, transport=transport
        )

    def get(self, url: str) -> bytes:
        """The body at a whole address of this server.

        Raises:
            Refused: it answers with an error's status.
            HttpTrouble: it does not answer.
        """
        with self._asked("GET", url, b"") as (answer, _):
            return _read(answer)

    def stream(self, body: Mapping[str, object]) -> Generator[str, None, None]:
        """The pieces of a reply, as JSON texts; the last one is no JSON where the server says so: `is_done`.

        Close it early and the server sees that nobody listens.

        Raises:
            Refused: the server answers with an error's status, or with a page for people.
            HttpTrouble: it does not answer, or the connection broke.
        """
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        with self._asked("POST", f"{self.server.url}/chat/completions", data) as (answer, kind):
            if kind == "application/json":  # a server that does not stream
                yield _read(answer).decode("utf-8", "replace")
                return
            if kind != "text/event-stream":
                raise Refused(Refusal(200, "", {}, is_json=False))
            for piece in read_events(answer.chunks()):
                if piece.strip() == _DONE:
                    yield _DONE
                    return
                yield piece

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._client.close()

    @contextmanager
    def _asked(self, method: str, url: str, body: bytes) -> Generator[tuple[ServiceAnswer, str], None, None]:
        """An answer that is one, and the kind of its body."""
        headers = {"Accept": "text/event-stream, application/json", "User-Agent": f"oss/{__version__}"}
        if body:
            headers["Content-Type"] = "application/json"
        if self.server.api_key:
            headers["Authorization"] = f"Bearer {self.server.api_key}"
        answer = self._client.send(method, url, headers, body)
        try:
            status, told = answer.head()
            if status != 200:
                raise Refused(
                    read_refusal(status, _read(answer), wait_s=read_wait_s(told), location=told.get("location", ""))
                )
            yield answer, told.get("content-type", "").partition(";")[0].strip().lower()
        finally:
            self._client.let_go(answer)


def is_done(piece: str) -> bool:
    """Whether a piece of a stream says that it was the last."""
    return piece == _DONE


def _read(answer: ServiceAnswer) -> bytes:
    data = b""
    for chunk in answer.chunks():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise HttpTrouble("the answer has no end")
    return data
