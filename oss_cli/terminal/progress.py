"""How a download looks: one bar over all files, with rate and time left. A pipe sees the notices only.

rich is loaded when a bar is really shown: it costs 80 ms.
"""

from typing import TYPE_CHECKING

from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_WIDE_COLUMNS = 60
_BESIDE_NAME_COLUMNS = 48  # "12.0/63.4 GB 100.0 MB/s 0:10:02", and a bar that can be seen


class DownloadBar:
    """Shows how far a download is. Use it as a context manager; its methods may be called on any thread."""

    def __init__(self, stream: Stream, label: str, *, done_bytes: int, total_bytes: int) -> None:
        self._stream = stream
        self._label = visible(label)
        self._done_bytes = done_bytes
        self._total_bytes = total_bytes
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "DownloadBar":
        if self._stream.has_escapes:
            self._bar = _open_bar(self._stream)
            label = _shortened(self._label, self._bar.console.width - _BESIDE_NAME_COLUMNS)
            self._task = self._bar.add_task(label, total=self._total_bytes, completed=self._done_bytes)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, new_bytes: int) -> None:
        """So many more bytes are here; negative: so many fewer."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, new_bytes)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._bar is not None:
            self._bar.console.print(f"({visible(text)})", style="dim", markup=False, highlight=False)
        else:
            self._stream.write(f"({text})\n")


def _shortened(label: str, columns: int) -> str:
    return label if len(label) <= columns else f"{label[: max(0, columns - 1)]}…"


def _open_bar(stream: Stream) -> "Progress":
    from rich.console import Console  # 80 ms, with the bar
    from rich.progress import (  # only here
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(file=stream.file, no_color=not stream.has_colour, highlight=False)
    name = TextColumn("{task.description}", markup=False)
    # A line that breaks would be written anew below itself, again and again.
    amount, left = DownloadColumn(), TimeRemainingColumn(compact=True)
    is_wide = console.width >= _WIDE_COLUMNS
    columns = (name, BarColumn(bar_width=None), amount, TransferSpeedColumn(), left) if is_wide else (amount, left)
    return Progress(
        *columns,
        console=console,
        refresh_per_second=5,
        speed_estimate_period=10,
    )
