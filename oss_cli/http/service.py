"""A client for a service that streams its answers. Knows nothing of what they say, and of nobody's keys.

Each request has a connection and a thread of its own: so a wait for an answer can be given up at once, from any thread
and on every system, and the other end sees that nobody listens any more. It goes where it is told and nowhere else: a
redirect is an answer like any other.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import Any

import httpx2

from oss_cli.http.files import HttpTrouble, make_timeout, translated_errors

_POLL_S = 0.2
"""How often a waiting thread looks up: on Windows nothing else lets Ctrl-C through."""
_CONNECTED = (".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")

Transport = httpx2.BaseTransport
"""How requests travel; made by this module, so that nobody else needs the library."""


def unix_transport(path: str) -> Transport:
    """Over a Unix socket, whatever the address says; there is no TLS on it."""
    return httpx2.HTTPTransport(uds=path, verify=_trusting_nobody())


def _trusting_nobody() -> ssl.SSLContext:
    """For where no TLS is spoken: to read the certificates of the system takes 22 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class ServiceAnswer:
    """An answer on its way. Close it; what was not read then is never sent."""

    def __init__(self, client: httpx2.Client, request: httpx2.Request) -> None:
        """Send the request, on a thread. The other arguments of the client are its own affair."""
        self._client = client
        self._request = request
        self._pieces: SimpleQueue[tuple[int, Mapping[str, str]] | bytes | HttpTrouble | None] = SimpleQueue()
        self._connection: Any = None  # httpcore2's, which has no public type here
        self._is_closed = False
        request.extensions = {**request.extensions, "trace": self._note}
        threading.Thread(target=self._read, name="http-answer", daemon=True).start()

    def head(self) -> tuple[int, Mapping[str, str]]:
        """The status and the headers, once; waits for them.

        Raises:
            HttpTrouble: the request or its answer did not get through.
        """
        piece = self._next()
        assert isinstance(piece, tuple), "the head comes first"
        return piece

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, after the head.

        Raises:
            HttpTrouble: the connection broke, or nothing came for too long.
        """
        while (piece := self._next()) is not None:
            assert isinstance(piece, bytes), "a body follows the head"
            yield piece

    def close(self) -> None:
        """Hang up. May be called twice, and from any thread."""
        self._is_closed = True
        if self._connection is not None:
            found = self._connection.get_extra_info("socket")
            if found is not None:
                # Closing it would not wake the thread that reads from it.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)

    def _next(self) -> tuple[int, Mapping[str, str]] | bytes | None:
        while True:
            try:
                piece = self._pieces.get(timeout=_POLL_S)
            except Empty:
                if self._is_closed:
                    raise HttpTrouble("the connection was given up") from None
                continue
            if isinstance(piece, HttpTrouble):
                raise piece
            return piece

    # ---- on the thread

    def _read(self) -> None:
        try:
            with translated_errors():
                response = self._client.send(self._request, stream=True)
                try:
                    self._pieces.put((response.status_code, dict(response.headers)))
                    for chunk in response.iter_raw():
                        self._pieces.put(chunk)
                finally:
                    response.close()
        except HttpTrouble as trouble:
            self._pieces.put(_told_apart(trouble))
        except RuntimeError:  # the client was closed before the request was sent
            self._pieces.put(HttpTrouble("the connection was given up"))
        else:
            self._pieces.put(None)

    def _note(self, event: str, facts: Mapping[str, Any]) -> None:
        """Remember the connection as soon as there is one; a call of the library's."""
        if event.endswith(_CONNECTED):
            self._connection = facts["return_value"]
            if self._is_closed:
                self.close()


class ServiceClient:
    """Sends requests to services; may be used by many threads at once."""

    def __init__(
        self, *, silence_s: float, is_local: bool = False, has_tls: bool = True, transport: Transport | None = None
    ) -> None:
        """silence_s: after so long without a byte an answer is given up.

        is_local: whether all requests stay on this computer: then no proxy may see them. has_tls: whether any of them
        goes over TLS; it counts for local ones alone.
        transport: another way for requests to travel; the client's own from now on.
        """
        # A connection that was kept might be closed by the other end just when it is used again.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
        if is_local and transport is None:
            # One that is given is used, whatever proxies there are.
            transport = httpx2.HTTPTransport(limits=limits, verify=True if has_tls else _trusting_nobody())
        self._client = httpx2.Client(
            follow_redirects=False, timeout=make_timeout(silence_s), limits=limits, transport=transport
        )
        self._open: set[ServiceAnswer] = set()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> ServiceAnswer:
        """Send a request; its answer is on its way. `let_go` of it when it was read."""
        # A compressed stream would come in large pieces.
        told = {"Accept-Encoding": "identity", **headers}
        with translated_errors():
            request = self._client.build_request(method, url, headers=told, content=body or None)
        answer = ServiceAnswer(self._client, request)
        self._open.add(answer)
        return answer

    def let_go(self, answer: ServiceAnswer) -> None:
        """Hang up on an answer."""
        self._open.discard(answer)
        answer.close()

    def close(self) -> None:
        """Hang up on all. May be called twice."""
        for answer in list(self._open):
            self.let_go(answer)
        self._client.close()


def _told_apart(trouble: HttpTrouble) -> HttpTrouble:
    """The same, marked where to try again would not help: by what the library raised."""
    cause: BaseException | None = trouble
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return HttpTrouble(trouble.reason, is_tls=True)
        if isinstance(cause, httpx2.ReadTimeout):
            return HttpTrouble(trouble.reason, is_silence=True)
        cause = cause.__cause__ or cause.__context__
    return trouble
