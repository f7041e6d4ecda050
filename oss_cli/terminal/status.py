"""One line that tells a waiting person what is going on, and disappears. Silent unless somebody watches."""

import time
from collections.abc import Callable

from oss_cli.terminal.console import Stream

_DELAY_S = 0.3  # what is quicker needs no words
_INTERVAL_S = 0.1


class StatusLine:
    """A line at the cursor that is written over and over. Whoever writes text after it calls `clear` first."""

    def __init__(self, stream: Stream, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = 0.0
        self._shown = 0.0
        self._is_visible = False

    def update(self, text: str) -> None:
        """Say what is going on now; it is shown at most ten times a second, and not before 0.3 s have passed."""
        now = self._clock()
        self._begun = self._begun or now
        if not self._stream.has_escapes or now - self._begun < _DELAY_S or now - self._shown < _INTERVAL_S:
            return
        self._stream.clear_line()
        self._stream.dim(text)
        self._shown, self._is_visible = now, True

    def clear(self) -> None:
        """Take the line away; the next `update` begins anew."""
        if self._is_visible:
            self._stream.clear_line()
        self._begun, self._is_visible = 0.0, False


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
