"""One request to a holder over HTTP/1.0, by hand: to load http.client takes 20 ms more than to load socket, httpx2 70.

HTTP/1.0 because there an answer ends where the connection does, without chunks. Knows nothing of what is asked.
"""

import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

_POLL_S = 0.2
"""A wait wakes so often: on Windows Ctrl-C gets through in between, and only then; everywhere a cancellation does."""
_CONNECT_S = 2.0
_MOST_HELLO_BYTES = 4096
_MOST_LINE_BYTES = 64 << 20
_Moved = TypeVar("_Moved", int, bytes)


class HolderGone(Exception):
    """Nobody is there, or the connection broke, or what is there is no holder of ours."""


class HolderBusy(Exception):
    """It has as much to do as it will take."""


class HolderSilent(HolderGone):
    """It does not answer in time."""


class Connection:
    """A request on its way. A context manager; to leave it hangs up, and the holder stops what it does for it."""

    def __init__(self, path: Path | None, port: int, token: str, cancelled: threading.Event | None = None) -> None:
        """path: of the Unix socket; None: on the port. cancelled: set from any thread, it ends every wait.

        Raises:
            HolderGone: nobody is there.
        """
        self._token = token
        self._cancelled = cancelled
        self._buffer = b""
        self._silence_s = float("inf")
        self._make_sure: Callable[[], None] = lambda: None
        if path is None:
            _make_sure(port, token)
        self._socket = _connect(path, port)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def when_silent(self, silence_s: float, make_sure: Callable[[], None]) -> None:
        """Make sure that the holder is there whenever nothing has gone either way for so long; what that raises ends
        the wait.
        """
        self._silence_s, self._make_sure = silence_s, make_sure

    def send(self, method: str, path: str, body: object = None) -> None:
        """Send the request.

        Raises:
            HolderGone: nobody takes it.
        """
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._socket.settimeout(_POLL_S)
        left = memoryview(head.encode() + data)
        while left:
            left = left[self._patiently(partial(self._socket.send, left), None) :]

    def status(self, timeout_s: float | None = None) -> int:
        """The status of the answer; its headers are passed over.

        Raises:
            HolderGone: no answer comes.
            HolderSilent: none comes in time.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        line = self._line(deadline)
        while self._line(deadline).strip():
            pass
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise HolderGone("what answers is no holder")
        return int(rest[:3])

    def values(self, timeout_s: float | None = None) -> Iterator[Any]:
        """The body: a JSON value a line, as they come.

        Raises:
            HolderGone: the connection broke in the middle of a line, or what comes is no JSON.
            HolderSilent: the next does not come in time.
        """
        while True:
            deadline = None if timeout_s is None else time.monotonic() + timeout_s
            line = self._line(deadline, may_end=True)
            if not line:
                return
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise HolderGone("what answers is no holder") from error

    def _line(self, deadline: float | None, *, may_end: bool = False) -> bytes:
        while b"\n" not in self._buffer:
            piece = self._patiently(partial(self._socket.recv, 65536), deadline)
            if not piece:
                if may_end and not self._buffer:
                    return b""
                raise HolderGone("the connection was closed")
            self._buffer += piece
            if len(self._buffer) > _MOST_LINE_BYTES:
                raise HolderGone("what answers is no holder")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def _patiently(self, act: Callable[[], _Moved], deadline: float | None) -> _Moved:
        """What comes of a step that ends with TimeoutError after `_POLL_S`: it is tried again."""
        silent_until = time.monotonic() + self._silence_s
        while True:
            try:
                return act()
            except TimeoutError:
                if self._cancelled is not None and self._cancelled.is_set():
                    raise HolderGone("it was given up") from None
                if deadline is not None and time.monotonic() > deadline:
                    raise HolderSilent("it does not answer") from None
            except OSError as error:
                raise _gone(error) from error
            if time.monotonic() > silent_until:
                self._make_sure()
                silent_until = time.monotonic() + self._silence_s


def _make_sure(port: int, token: str) -> None:
    """Let who listens on a port prove that it has the token, before it is told anything: a holder that was killed gives
    its port back, and another user's process may have it now.
    """
    import hashlib  # 3 ms, on Windows and in deep folders alone
    import hmac  # 1 ms, likewise

    nonce = secrets.token_hex(16)
    expected = hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()
    answer = b""
    with contextlib.closing(_connect(None, port)) as other:
        other.settimeout(_CONNECT_S)
        try:
            other.sendall(f"GET /oss/hello?nonce={nonce} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            while len(answer) < _MOST_HELLO_BYTES and (piece := other.recv(4096)):
                answer += piece
        except OSError as error:
            raise _gone(error) from error
    proof = answer.rpartition(b"\r\n\r\n")[2].strip()
    if not hmac.compare_digest(proof, expected.encode()):
        raise HolderGone("what answers is no holder")


def _connect(path: Path | None, port: int) -> socket.socket:
    family = socket.AF_INET if path is None else socket.AF_UNIX
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_S)
        connection.connect(("127.0.0.1", port) if path is None else str(path))
        connection.settimeout(_POLL_S)
    except OSError as error:
        connection.close()
        raise _gone(error) from error
    return connection


def _gone(error: OSError) -> HolderGone:
    if isinstance(error, TimeoutError):
        return HolderSilent("it does not answer")
    return HolderGone((error.strerror or str(error)).lower())
