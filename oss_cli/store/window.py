"""The ordered window: ranges of one file fetched at the same time by several workers, and handed out in order.

So what is on disk is always a valid beginning of the file, and no more than the window is ever lost. A range that holds
up all others, because its connection stalled or crawls, is fetched by a second worker from where it stands. Knows
nothing of HTTP, of disks and of hashes.
"""

import threading
import time
from collections.abc import Callable, Iterator

_LARGEST_RANGE_BYTES = 8 << 20  # larger ones cost memory, and bring nothing
_FIRST_RANGE_BYTES = 1 << 20
_SMALLEST_RANGE_BYTES = 64 << 10
_RANGE_S = 2.0  # a range should take about so long: on a slow line little is lost, on a fast one there are few requests
_RANGES_PER_WINDOW = 16  # twice the workers: none of them waits while the writer is busy
_STALL_S = 2.0
_CRAWL = 4  # times slower than the others
_POLL_S = 0.2


class RangeBuffer:
    """The bytes of one range as they come; two workers may fill it, and each byte counts once."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.data = bytearray()
        self.began = self.changed = time.monotonic()
        self.workers = 1
        self._lock = threading.Lock()

    @property
    def position(self) -> int:
        """Where in the file the next byte is wanted."""
        return self.start + len(self.data)

    @property
    def is_complete(self) -> bool:
        """Whether all of it is here."""
        return len(self.data) >= self.end - self.start

    @property
    def bytes_per_second(self) -> float:
        """How fast it has been filled so far."""
        return len(self.data) / max(time.monotonic() - self.began, 1e-3)

    def write(self, at: int, data: bytes) -> int:
        """Take bytes that begin at an offset of the file; how many of them were new."""
        with self._lock:
            new = data[max(0, self.position - at) : max(0, self.end - at)] if at <= self.position else b""
            self.data += new
            if new:
                self.changed = time.monotonic()
            return len(new)


Fetch = Callable[[RangeBuffer], None]
"""Fills a buffer; returns when it is complete or when the window is closed, raises what cannot be cured."""


class OrderedWindow:
    """A file's bytes from `start` to `end`, in order. Close it, however it ends."""

    def __init__(self, fetch: Fetch, start: int, end: int, *, window_bytes: int, workers: int) -> None:
        self._fetch = fetch
        self._end = end
        self._window_bytes = window_bytes
        self._largest = max(min(window_bytes // _RANGES_PER_WINDOW, _LARGEST_RANGE_BYTES), _SMALLEST_RANGE_BYTES)
        self._range_bytes = min(_FIRST_RANGE_BYTES, self._largest)
        self._head = start
        self._next = start
        self._ranges: dict[int, RangeBuffer] = {}
        self._rates: list[float] = []
        self._error: BaseException | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        count = min(workers, -(-(end - start) // self._range_bytes))
        self._threads = [threading.Thread(target=self._work, daemon=True, name="download") for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def chunks(self) -> Iterator[bytearray]:
        """Range after range. Blocks until the next one is here.

        Raises:
            Exception: whatever a worker's fetch raised.
        """
        while self._head < self._end:
            buffer = self._wait_for_head()
            yield buffer.data
            with self._changed:
                del self._ranges[buffer.start]
                self._head = buffer.end
                self._changed.notify_all()

    def close(self) -> None:
        """Hand out no more work; a worker that hangs in the network is left to itself."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _wait_for_head(self) -> RangeBuffer:
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                buffer = self._ranges.get(self._head)
                if buffer is not None and buffer.is_complete:
                    return buffer
                self._changed.wait(_POLL_S)  # Ctrl-C is only seen between waits on some systems

    def _work(self) -> None:
        try:
            while (buffer := self._wait_for_work()) is not None:
                self._fetch(buffer)
                with self._changed:
                    buffer.workers -= 1
                    if buffer.is_complete:
                        self._learn(buffer.bytes_per_second)
                    self._changed.notify_all()
        except BaseException as error:  # handed to whoever reads the chunks
            with self._changed:
                self._error = self._error or error
                self._is_closed = True
                self._changed.notify_all()

    def _wait_for_work(self) -> RangeBuffer | None:
        """The next range, or the one that all others wait for if it does not get on; None: there is no more."""
        with self._changed:
            while not self._is_closed:
                ahead = min(self._window_bytes, _RANGES_PER_WINDOW * self._range_bytes)
                if self._next < self._end and self._next < self._head + ahead:
                    buffer = RangeBuffer(self._next, min(self._next + self._range_bytes, self._end))
                    self._ranges[buffer.start] = buffer
                    self._next = buffer.end
                    return buffer
                if self._head >= self._end:
                    return None
                head = self._ranges.get(self._head)
                if head is not None and self._needs_help(head):
                    head.workers += 1
                    return head
                self._changed.wait(_POLL_S)
        return None

    def _learn(self, bytes_per_second: float) -> None:
        self._rates = [*self._rates, bytes_per_second][-_RANGES_PER_WINDOW:]
        wanted = int(sum(self._rates) / len(self._rates) * _RANGE_S)
        self._range_bytes = max(min(_FIRST_RANGE_BYTES, self._largest), min(self._largest, wanted >> 16 << 16))

    def _needs_help(self, head: RangeBuffer) -> bool:
        now = time.monotonic()
        if head.is_complete or head.workers != 1 or now - head.began < _STALL_S:
            return False
        usual = sum(self._rates) / max(1, len(self._rates))
        return now - head.changed > _STALL_S or head.bytes_per_second * _CRAWL < usual
