"""Fills ranges from an address that is signed for a while: retries what may pass, signs again what has run out.

Knows HTTP's statuses and how long to be patient; nothing of disks, of hashes and of the Hub.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from oss_cli.http import Answer, HttpClient, HttpTrouble, read_wait_s
from oss_cli.store.repository import Address
from oss_cli.store.window import RangeBuffer

_LONGEST_PAUSE_S = 15.0
_TOLD_AFTER_S = 5.0  # a longer silence is explained
_SIGNATURE_ENDED = frozenset({401, 403, 404, 410})
_RENEWALS_LIMIT = 5  # in a row without a byte: then it is no matter of signatures
_PASSING = frozenset({408, 425, 429})
_WHOLE_TRIES = 8  # of a server without ranges: each begins at byte 0


class GaveUp(Exception):
    """No patience is left; why, in words for people."""


class NoRanges(Exception):
    """The server sends the whole file, whatever part of it is asked for."""


class Source:
    """A file's address, signed when it is first wanted and again when it no longer works."""

    def __init__(self, sign: Callable[[], Address]) -> None:
        self._sign = sign
        self._lock = threading.Lock()
        self._address: Address | None = None
        self._generation = 0
        self._renewals = 0

    def address(self) -> tuple[Address, int]:
        """The address in force and its number.

        Raises:
            HttpTrouble: it could not be signed this time.
            DownloadFailed: it will not be signed.
        """
        with self._lock:
            if self._address is None:
                self._address = self._sign()
                self._generation += 1
            return self._address, self._generation

    def reject(self, generation: int, status: int) -> None:
        """Say that the address of that number was refused.

        Raises:
            GaveUp: new ones were refused, too.
        """
        with self._lock:
            if generation != self._generation or self._address is None:
                return  # another worker saw it first
            self._renewals += 1
            self._address = None
            if self._renewals > _RENEWALS_LIMIT:
                raise GaveUp(f"the server answered HTTP {status} to {_RENEWALS_LIMIT} freshly signed addresses")

    def accept(self) -> None:
        """Say that bytes came."""
        self._renewals = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to be patient."""

    give_up_s: float = 120.0
    """Without a single byte on any connection."""
    longest_wait_s: float = 300.0
    """The same where a server asks for it, however often; more is for a person to decide."""
    first_pause_s: float = 0.5
    """Before the second try."""


class Patience:
    """How long ago the last byte came, on whatever connection, and how long we may still wait."""

    def __init__(self, limits: Limits, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._give_up_s = limits.give_up_s
        self._longest_wait_s = max(limits.give_up_s, limits.longest_wait_s)
        self._stop = stop
        self._say = say
        self._lock = threading.Lock()
        self._is_told = False
        self._last_byte = self._asked_until = time.monotonic()

    def renew(self) -> None:
        """A byte has come, or is asked for only now."""
        self._last_byte = time.monotonic()

    def pause(self, trouble: HttpTrouble, pause_s: float) -> None:
        """Wait before the next try; as long as the server asks, else for `pause_s`.

        Raises:
            GaveUp: there has been no byte for too long, or there would be none if we did as we are asked.
        """
        now = time.monotonic()
        silent_s = now - self._last_byte
        asked_s = trouble.wait_s or 0.0
        if silent_s + asked_s > self._longest_wait_s:
            before = f"no byte came for {silent_s:.0f} s; " if silent_s > _TOLD_AFTER_S else ""
            raise GaveUp(f"{before}{trouble.reason}; the server asks us to wait {asked_s:.0f} s")
        if now > max(self._last_byte + self._give_up_s, self._asked_until):
            shown_s = silent_s if self._asked_until > self._last_byte else self._give_up_s
            raise GaveUp(f"no byte came for {shown_s:.0f} s; the last answer was: {trouble.reason}")
        if asked_s:
            # One more try after the wait that was asked for, even past the time at which we would have given up.
            self._asked_until = max(self._asked_until, now + asked_s + pause_s)
        if silent_s + asked_s > _TOLD_AFTER_S:
            self._tell(trouble)
        self._stop.wait(max(asked_s, pause_s))

    def _tell(self, trouble: HttpTrouble) -> None:
        with self._lock:
            is_told, self._is_told = self._is_told, True
        if is_told:
            return
        if trouble.wait_s:
            self._say(f"the server asks us to wait {trouble.wait_s:.0f} s")
        else:
            self._say(f"no byte comes ({trouble.reason}): trying again for {self._give_up_s:.0f} s")


class RangeFetcher:
    """Fills ranges of one file; used by many threads at once."""

    def __init__(
        self,
        client: HttpClient,
        source: Source,
        on_bytes: Callable[[int], None],
        say: Callable[[str], None],
        limits: Limits,
    ) -> None:
        self._client = client
        self._source = source
        self._on_bytes = on_bytes
        self._pause_s = limits.first_pause_s
        self.stop = threading.Event()
        self._patience = Patience(limits, self.stop, say)

    def fill(self, buffer: RangeBuffer, total_bytes: int) -> None:
        """Fill a range, whatever it takes; returns early only when told to stop.

        Raises:
            GaveUp: no byte came for too long, or the server refuses for good.
            NoRanges: the server sends whole files only.
            DownloadFailed: the file may not be read.
        """
        pause_s = self._pause_s
        self._patience.renew()  # nobody asked for bytes while a slow disk held the window up
        while not (buffer.is_complete or self.stop.is_set()):
            before = buffer.position
            try:
                self._stream(buffer, total_bytes)
            except HttpTrouble as trouble:
                pause_s = self._pause_s if buffer.position > before else min(pause_s * 2, _LONGEST_PAUSE_S)
                if not buffer.is_complete:
                    self._patience.pause(trouble, pause_s)

    def read(self, start: int, end: int, total_bytes: int) -> bytes:
        """The bytes of one range; raises as `fill` does."""
        buffer = RangeBuffer(start, end)
        self.fill(buffer, total_bytes)
        return bytes(buffer.data)

    def read_whole(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end` of a server that knows no ranges: each try begins at byte 0.

        Raises:
            GaveUp: it breaks again and again.
        """
        position, tries = start, 0
        while position < end and not self.stop.is_set():
            tries += 1
            before = position
            try:
                with closing(self._skip_to(position)) as chunks:
                    for chunk in chunks:
                        new = chunk[: end - position]
                        position += len(new)
                        self._note(len(new))
                        yield new
                        if position == end:
                            return  # whatever more the server sends
                raise HttpTrouble("the answer was too short")
            except HttpTrouble as trouble:
                tries = 0 if position > before else tries
                if tries >= _WHOLE_TRIES:
                    raise GaveUp(
                        f"{trouble.reason}, {tries} times; this server cannot go on in the middle"
                    ) from trouble
                self._patience.pause(trouble, self._pause_s * 2)

    def _skip_to(self, position: int) -> Generator[bytes]:
        address, generation = self._source.address()
        at = 0
        with self._client.get(address.url, address.headers) as answer:
            self._check_status(answer, generation)
            for chunk in answer.chunks:
                fresh = chunk[max(0, position - at) :]
                at += len(chunk)
                self._patience.renew()
                if fresh:
                    yield fresh

    def _stream(self, buffer: RangeBuffer, total_bytes: int) -> None:
        at = buffer.position
        is_whole = (at, buffer.end) == (0, total_bytes)
        address, generation = self._source.address()
        with self._client.get(address.url, address.headers, (at, buffer.end)) as answer:
            self._check_status(answer, generation)
            if answer.status != 206 and not is_whole:
                raise NoRanges
            if answer.status == 206:
                _check_span(answer, at, total_bytes)
            for chunk in answer.chunks:
                self._note(buffer.write(at, chunk))
                at += len(chunk)
                if self.stop.is_set() or buffer.is_complete:
                    return
        raise HttpTrouble("the answer was too short")

    def _note(self, new_bytes: int) -> None:
        self._patience.renew()
        self._source.accept()
        if new_bytes:
            self._on_bytes(new_bytes)

    def _check_status(self, answer: Answer, generation: int) -> None:
        status = answer.status
        if status in (200, 206):
            return
        if status in _SIGNATURE_ENDED:
            self._source.reject(generation, status)
            raise HttpTrouble(f"HTTP {status}", status=status)
        if status in _PASSING or status >= 500:
            raise HttpTrouble(f"HTTP {status}", status=status, wait_s=read_wait_s(answer.headers))
        if status == 416:
            raise GaveUp("the server's copy is shorter than the Hub says (HTTP 416)")
        raise GaveUp(f"the server answered HTTP {status}")


def _check_span(answer: Answer, start: int, total_bytes: int) -> None:
    said = answer.headers.get("content-range", "")
    span, _, total = said.removeprefix("bytes ").partition("/")
    if span.partition("-")[0] != str(start):
        raise HttpTrouble(f"other bytes were sent than those asked for ({said or 'no Content-Range'})")
    if total.isdigit() and int(total) != total_bytes:
        raise GaveUp(f"the server's copy has {int(total):,} bytes, the Hub says {total_bytes:,}")
