"""How a batch looks to a person: one line with a bar while it runs, and what came of it. Knows nothing of models."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from oss_cli.terminal.console import Stream
from oss_cli.terminal.status import StatusLine

_BAR_CELLS = 20


class BatchStatus:
    """A bar, the speed, and the time that is left by the speed so far. Silent unless somebody watches."""

    def __init__(self, stream: Stream, *, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._line = StatusLine(stream, clock)
        self._total = total
        self._clock = clock
        self._begun = clock()

    def __enter__(self) -> "BatchStatus":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def show(self, done: int, tokens: int) -> None:
        """How many requests are done of those that are to be done now, and how many tokens that has brought so far."""
        passed_s = self._clock() - self._begun
        filled = _BAR_CELLS * done // self._total if self._total else _BAR_CELLS
        parts = [f"[{'#' * filled}{'-' * (_BAR_CELLS - filled)}] {done:,} of {self._total:,}"]
        if tokens and passed_s > 0:
            parts.append(f"{tokens / passed_s:,.0f} tokens/s")
        if done:
            parts.append(f"{_clock_time(passed_s / done * (self._total - done))} left")
        self._line.update(" · ".join(parts)[: shutil.get_terminal_size().columns - 1])


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What came of a batch."""

    total: int
    earlier: int
    """Of them, how many had been done before."""
    done: int
    """How many are done now, those included."""
    failed: int
    """How many of those have an error in the place of an answer."""
    tokens: int
    """Of the replies that were made now."""
    seconds: float


def show_summary(summary: BatchSummary, stream: Stream) -> None:
    """One line on a batch that has come to its end."""
    before = f", {_all_or(summary.earlier, summary.total)} done before" if summary.earlier else ""
    speed = ""
    if summary.done > summary.earlier and summary.seconds > 0:
        speed = (
            f"; {summary.tokens:,} tokens in {summary.seconds:,.1f} s, {summary.tokens / summary.seconds:,.1f} tokens/s"
        )
    answered = summary.done - summary.failed
    stream.write(f"{_requests(summary.total)}{before}: {answered:,} answered, {summary.failed:,} failed{speed}\n")


def show_stopped(summary: BatchSummary, again: str, stream: Stream) -> None:
    """What is to be known of a batch that was broken off. again: the command that goes on; empty: there is none."""
    stream.write(f"stopped: {summary.done:,} of {_requests(summary.total)} are done\n")
    if again:
        stream.bold("hint:")
        stream.write(f" to go on from there: {again}\n")


def _requests(count: int) -> str:
    return f"{count:,} request{'s' if count != 1 else ''}"


def _all_or(count: int, total: int) -> str:
    return "all of them" if count == total else f"{count:,} of them"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
