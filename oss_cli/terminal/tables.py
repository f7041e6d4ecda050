"""Rows of text in columns. Knows nothing of what they say."""

import shutil
from collections.abc import Sequence

from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

Row = tuple[str, ...]

_GAP = "  "


def show_table(stream: Stream, heads: Row, rows: Sequence[Row]) -> None:
    """Write rows under their heads; at a terminal the last column is cut at its edge, in a pipe nothing is."""
    cells = [tuple(" ".join(visible(cell).split()) for cell in row) for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    edge = shutil.get_terminal_size().columns if stream.is_watched else None
    for number, row in enumerate(cells):
        line = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if edge is not None and len(line) > edge:
            line = line[: edge - 1] + "…"
        if number == 0:
            stream.bold(line)
            stream.write("\n")
        else:
            stream.write(line + "\n")
