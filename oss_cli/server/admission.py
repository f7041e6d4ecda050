"""Who may begin a reply, who waits, and who is sent away. Lives on the event loop; knows nothing of replies."""

import asyncio
import math
from collections import deque

from oss_cli.server.wire_errors import stopping, too_busy

_LONGEST_RETRY_S = 60
_FIRST_GUESS_S = 2.0
"""How long a reply takes, before any has been made."""
_WEIGHT = 0.2
"""Of the newest reply, in the mean of their times."""


class Admission:
    """A number of places, and a queue with a bound before them: first come, first served."""

    def __init__(self, places: int, most_waiting: int) -> None:
        self._places = places
        self._free = places
        self._most_waiting = most_waiting
        self._queue: deque[asyncio.Future[None]] = deque()
        self._reply_s = _FIRST_GUESS_S
        self.is_closed = False
        """Whether nobody is let in any more."""

    @property
    def running(self) -> int:
        """How many places are taken."""
        return self._places - self._free

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._queue)

    async def enter(self) -> None:
        """Take a place, as soon as one is free; give it back with `leave`.

        Raises:
            WireError: too many wait already, or the server is stopping.
        """
        if self.is_closed:
            raise stopping()
        if self._free and not self._queue:
            self._free -= 1
            return
        if len(self._queue) >= self._most_waiting:
            raise too_busy(self._retry_after_s())
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave(None)  # it was called and gone at the same moment
            elif turn in self._queue:  # not where it was passed over at the same moment
                self._queue.remove(turn)
            raise

    def leave(self, took_s: float | None) -> None:
        """Give a place back. took_s: how long the reply took; None: there was none."""
        if took_s is not None:
            self._reply_s += _WEIGHT * (took_s - self._reply_s)
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        """Send away everybody who waits, and everybody who comes."""
        self.is_closed = True
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_exception(stopping())

    def _retry_after_s(self) -> int:
        """When the last of those who wait will have begun, by the time that replies have taken."""
        expected = self._reply_s * (len(self._queue) + 1) / self._places
        return max(1, min(_LONGEST_RETRY_S, math.ceil(expected)))
