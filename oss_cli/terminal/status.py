"""One line that tells a waiting person what is going on, and disappears. Silent unless somebody watches."""

import time
from collections.abc import Callable

from oss_cli.terminal.cells import cut_to_cells
from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

_DELAY_S = 0.3  # what is quicker needs no words
_PREFILL_DELAY_S = 1.0  # as with every turn of a chat something is read
_INTERVAL_S = 0.1


class StatusLine:
    """A line at the cursor that is written over and over. Whoever writes text after it calls `clear` first."""

    def __init__(
        self, stream: Stream, clock: Callable[[], float] = time.monotonic, *, delay_s: float = _DELAY_S
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._delay_s = delay_s
        self._begun = 0.0
        self._shown = 0.0
        self._is_visible = False

    def update(self, text: str) -> None:
        """Say what is going on now; it is shown at most ten times a second, and not before a moment has passed.

        It never takes more than one row: what does not fit is cut off, or it could not be taken away.
        """
        now = self._clock()
        self._begun = self._begun or now
        if not self._stream.has_escapes or now - self._begun < self._delay_s or now - self._shown < _INTERVAL_S:
            return
        self._stream.clear_line()
        self._stream.dim(cut_to_cells(visible(text), self._stream.size()[0] - 1))
        self._shown, self._is_visible = now, True

    def show_at_once(self) -> None:
        """Let the next `update` be shown, however early it comes."""
        self._begun = self._begun or self._clock() - self._delay_s

    def clear(self) -> None:
        """Take the line away; the next `update` begins anew."""
        if self._is_visible:
            self._stream.clear_line()
        self._begun, self._is_visible = 0.0, False


_LONG_PROMPT_TOKENS = 512
"""The engine reads so many at a time, and says nothing in between: on a CPU for seconds."""


class LoadStatus:
    """Says how far a model has been loaded. Use it as a context manager: the line is gone when the block ends."""

    def __init__(self, stream: Stream, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = StatusLine(stream, clock)
        self._name = name

    def __enter__(self) -> "LoadStatus":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def show(self, share: float) -> None:
        """The share that is loaded, 0 to 1; may be called on another thread."""
        self._line.update(f"loading {self._name}: {share:.0%}")


class PrefillStatus:
    """Says how much of a prompt has been read, once that takes more than a second."""

    def __init__(self, stream: Stream, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._line = StatusLine(stream, clock, delay_s=_PREFILL_DELAY_S)
        self._first: tuple[float, int] | None = None
        """When the first progress came, and how far it was: what was in the cache took no time."""

    def show(self, done_tokens: int, total_tokens: int) -> None:
        """So much has been read."""
        now = self._clock()
        first_time, first_tokens = self._first = self._first or (now, done_tokens)
        share = f"{done_tokens / total_tokens:.0%}" if total_tokens else ""
        text = f"reading the prompt: {share} of {total_tokens:,} tokens"
        if total_tokens - done_tokens > _LONG_PROMPT_TOKENS:  # the next progress may be a while in coming
            self._line.show_at_once()
        if done_tokens > first_tokens and now > first_time:
            left_s = (total_tokens - done_tokens) * (now - first_time) / (done_tokens - first_tokens)
            text += f", {describe_seconds(max(1.0, left_s))} left"
        self._line.update(text)

    def clear(self) -> None:
        """Take the line away."""
        self._line.clear()
        self._first = None


def describe_seconds(seconds: float) -> str:
    """A time for people: 0.4 s, 14 s, 2 min 5 s."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s" if seconds < 0.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
