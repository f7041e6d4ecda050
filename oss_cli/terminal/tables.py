"""Rows of text in columns, counted in the cells of a terminal. Knows nothing of what they say."""

import shutil
from collections.abc import Sequence

from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

Row = tuple[str, ...]

_GAP = "  "


def show_table(stream: Stream, heads: Row, rows: Sequence[Row]) -> None:
    """Write rows under their heads; at a terminal the last column is cut at its edge, in a pipe nothing is."""
    cells = [tuple(" ".join(visible(cell).split()) for cell in row) for row in (heads, *rows)]
    widths = [max(_cells(row[column]) for row in cells) for column in range(len(heads))]
    edge = shutil.get_terminal_size().columns if stream.is_watched else None
    for number, row in enumerate(cells):
        padded = (cell + " " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True))
        line = _GAP.join(padded).rstrip()
        if edge is not None and _cells(line) > edge:
            line = _cut(line, edge - 1) + "…"
        if number == 0:
            stream.bold(line)
            stream.write("\n")
        else:
            stream.write(line + "\n")


def _cells(text: str) -> int:
    """How many cells a text takes: some letters take two, some none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # 12 ms, for the few tables with other letters

    return cell_len(text)


def _cut(text: str, cells: int) -> str:
    """The beginning of a text that takes at most so many cells."""
    if text.isascii():
        return text[:cells]
    from rich.cells import set_cell_size  # as above

    return set_cell_size(text, cells)
