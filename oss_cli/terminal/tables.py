"""Rows of text in columns, counted in the cells of a terminal. Knows nothing of what they say."""

from collections.abc import Sequence

from oss_cli.terminal.cells import cell_count, cut_to_cells
from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

Row = tuple[str, ...]

_GAP = "  "


def show_table(stream: Stream, heads: Row, rows: Sequence[Row]) -> None:
    """Write rows under their heads; at a terminal the last column is cut at its edge, in a pipe nothing is."""
    cells = [tuple(" ".join(visible(cell).split()) for cell in row) for row in (heads, *rows)]
    widths = [max(cell_count(row[column]) for row in cells) for column in range(len(heads))]
    edge = stream.size()[0] if stream.is_watched else None
    for number, row in enumerate(cells):
        line = _GAP.join(
            cell + " " * (width - cell_count(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        if edge is not None:
            line = cut_to_cells(line, edge)
        if number == 0:
            stream.bold(line)
            stream.write("\n")
        else:
            stream.write(line + "\n")
