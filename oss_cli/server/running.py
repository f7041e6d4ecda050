"""The server as it runs: on an open socket, until it is told to end. Knows nothing of what it answers.

The first signal lets the replies that are being made come to their end, and nobody in any more; the second one stops
them at once.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from oss_cli.server.replies import Replies

_REQUEST_TIMEOUT_S = 20.0
"""For the first line and the headers of a request to arrive."""
_KEEP_ALIVE_S = 30
_MOST_HEADER_BYTES = 64 << 10
_MOST_CONNECTIONS = 512
"""Fewer than the files that a process may have open (1,024 on most systems)."""
_LISTEN_BACKLOG = 128
_HALT_S = 2.0
"""For answers that say that they were stopped to get out, after the second signal or the end of the time to drain."""
_POLL_S = 0.05
_SWITCH_S = 0.0002
"""How long one thread may hold the interpreter against another, 5 ms by default: after each evaluation the engine's may
have to wait that long."""


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that owns an address, and does not listen yet.

    Raises:
        OSError: the port is in use, or the address is none of this computer's.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there, reusing an address would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def run_server(
    app: ASGIApp,
    replies: Replies,
    listener: socket.socket,
    *,
    drain_s: int,
    on_ready: Callable[[], None] = lambda: None,
    is_over: Callable[[], bool] = lambda: False,
) -> "Ending":
    """Serve until a signal comes. Blocks, on the main thread.

    drain_s: how long replies may take to come to their end. on_ready: called once requests are answered.
    is_over: asked ten times a second; when it says so, that is as good as a signal.
    """
    sys.setswitchinterval(_SWITCH_S)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of clients that hang up in the middle of a stream
    AppStatus.enable_automatic_graceful_drain = False  # it would cut streams off at the first signal
    config = uvicorn.Config(
        app,
        http=_PatientProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        backlog=_LISTEN_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=drain_s,
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
    )
    server = _Server(config, replies, on_ready, is_over)
    server.run(sockets=[listener])
    return Ending(server.told_by, server.has_cut_off)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server ended."""

    signal: signal.Signals | None
    """What told it to."""
    has_cut_off: bool
    """Whether replies were cut off."""


class _Server(uvicorn.Server):
    """A server that drains at the first signal and stops at the second."""

    def __init__(
        self, config: uvicorn.Config, replies: Replies, on_ready: Callable[[], None], is_over: Callable[[], bool]
    ) -> None:
        super().__init__(config)
        self._is_over = is_over
        self._replies = replies
        self._on_ready = on_ready
        self.told_by: signal.Signals | None = None
        """The signal that ended it."""
        self.has_cut_off = False
        # uvicorn would cancel what answers, and its clients would hear nothing.
        self._drain_s, config.timeout_graceful_shutdown = config.timeout_graceful_shutdown, None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; called ten times a second."""
        return await super().on_tick(counter) or self._is_over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, and those out who are in."""
        self._replies.admission.close()
        draining = asyncio.ensure_future(super().shutdown(sockets))
        forced = asyncio.ensure_future(self._wait_for_force())
        await asyncio.wait({draining, forced}, timeout=self._drain_s, return_when=asyncio.FIRST_COMPLETED)
        forced.cancel()
        if self.server_state.tasks:
            await self._cut_off()
        draining.cancel()
        await asyncio.wait({draining})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self.told_by = signal.Signals(sig)
        if self.should_exit:
            self.force_exit = True  # uvicorn's own waiting ends at this, too
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals ourselves while the server runs; uvicorn would raise them again afterwards."""
        with super().capture_signals():  # which raises what it has captured: nothing, since `handle_exit` is ours
            yield

    async def _cut_off(self) -> None:
        """Stop every reply, and let out what its client is to hear of that."""
        self.has_cut_off = True
        self._replies.cancel_all()
        deadline = time.monotonic() + _HALT_S
        while self.server_state.tasks and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)

    async def _wait_for_force(self) -> None:
        while not self.force_exit:
            await asyncio.sleep(_POLL_S)


class _PatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on connections which do not get to the end of their headers."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A connection was opened."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It was closed."""
        super().connection_lost(exc)
        self._forget()

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """Start the clock where a request is waited for; a body has a clock of its own."""
        if not self._is_between_requests:
            self._forget()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(_REQUEST_TIMEOUT_S, self._hang_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _hang_up(self) -> None:
        self._deadline = None
        if self._is_between_requests and not self.transport.is_closing():
            self.transport.close()
