"""Replies of a blocking backend, for the event loop: each is made on a thread, its events come over in batches.

No thread ever waits for the loop, and the loop never waits for a thread. Knows nothing of HTTP.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

from oss_cli.backends.base import Backend
from oss_cli.conversation.events import Event, TokensSampled, TurnEnded
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.server.admission import Admission
from oss_cli.server.metrics import Metrics

_Passed = Event | BaseException | None
"""What a thread hands over: an event, what went wrong, or None: it has ended."""


class RunningReply:
    """A reply on its way. Iterate over it once; `close` it in any case, which stops the model."""

    def __init__(self, make: "Callable[[RunningReply], None]", *, tells_at_once: bool = True) -> None:
        """make: blocks while it makes the reply, and hands its events to `put`.
        tells_at_once: else the loop hears of the first event, and of the rest when all are there, which is cheaper.
        """
        self._make = make
        self._tells_at_once = tells_at_once
        self._has_begun = False
        self._loop = asyncio.get_running_loop()
        self._passed: deque[_Passed] = deque()  # its append and popleft are safe between threads
        self._wakes = asyncio.Event()
        self._has_called = False
        self.cancelled = threading.Event()
        self.has_failed = False
        self.ended: TurnEnded | None = None
        """The last event, once there is one; its client may not have read so far."""
        self.first: Event | None = None
        """The first event, which `start` has waited for."""

    async def events(self) -> AsyncIterator[Event]:
        """All events, as they come.

        Raises:
            OssError: no reply can be made, or no more of it.
        """
        if self.first is not None:
            first, self.first = self.first, None
            yield first
        while (event := await self.next()) is not None:
            yield event

    async def next(self) -> Event | None:
        """The next event; None: there is none."""
        while not self._passed:
            self._wakes.clear()
            if not self._passed:  # none has come between the two
                await self._wakes.wait()
        passed = self._passed.popleft()
        if isinstance(passed, BaseException):
            raise passed
        return passed

    def close(self) -> None:
        """Stop the model, if it is still at it. Does not wait for it."""
        self.cancelled.set()

    # ---- on the reply's thread

    def run(self) -> None:
        """Make the reply."""
        try:
            self._make(self)
        except BaseException as error:  # raised again by whoever waits for an event
            self.has_failed = True
            self.put(error)
        self.put(None)

    def put(self, passed: _Passed) -> None:
        """Hand something over."""
        if isinstance(passed, TurnEnded):
            self.ended = passed
        self._passed.append(passed)
        is_told = self._tells_at_once or not self._has_begun or passed is None
        self._has_begun = True
        if is_told and not self._has_called:  # one call wakes the loop for everything that comes until it runs
            self._has_called = True
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._has_called = False
        self._wakes.set()


class Replies:
    """Makes replies, a number of them at the same time."""

    def __init__(self, *, parallel: int, queue: int, metrics: Metrics) -> None:
        """queue: how many may wait."""
        self.admission = Admission(parallel, queue)
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="reply")
        self._metrics = metrics
        self._running: set[RunningReply] = set()

    async def start(
        self,
        backend: Backend,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        tells_at_once: bool = True,
        tells_tokens: bool = False,
    ) -> RunningReply:
        """A reply that has begun: its place is taken and its prompt accepted.

        tells_tokens: whether each token is told beside its text, also without its chance.

        Raises:
            WireError: too many wait already, or the server is stopping.
            OssError: no reply can be made.
        """

        def make(reply: RunningReply) -> None:
            asked = replace(options, cancelled=reply.cancelled)
            with closing(backend.reply(messages, asked)) as events:
                for event in events:
                    if reply.cancelled.is_set():
                        break
                    if tells_tokens or not isinstance(event, TokensSampled) or event.chances:  # the text says the rest
                        reply.put(event)

        reply = await self.run(make, tells_at_once=tells_at_once)
        try:
            reply.first = await reply.next()
        except BaseException:
            reply.close()
            raise
        return reply

    async def run(self, make: Callable[[RunningReply], None], *, tells_at_once: bool = True) -> RunningReply:
        """Anything that takes a place among the replies, begun.

        Raises:
            WireError: as `start`.
        """
        await self.admission.enter()
        reply = RunningReply(make, tells_at_once=tells_at_once)
        began = time.perf_counter()
        self._running.add(reply)
        ended = asyncio.get_running_loop().run_in_executor(self._threads, reply.run)

        def leave(_ended: object) -> None:
            self._running.discard(reply)
            self._metrics.note_end(reply.ended, has_failed=reply.has_failed, was_stopped=reply.cancelled.is_set())
            self.admission.leave(time.perf_counter() - began)

        ended.add_done_callback(leave)
        return reply

    def cancel_all(self) -> None:
        """Stop every reply."""
        for reply in list(self._running):
            reply.close()

    def close(self) -> None:
        """Stop everything; the threads end once the model has noticed, at the latest when it is closed."""
        self.cancel_all()
        self._threads.shutdown(wait=False, cancel_futures=True)
