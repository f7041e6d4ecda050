"""A table in columns, or as records where the terminal is too narrow for columns. Knows nothing of Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest

from oss_cli.terminal.cells import cell_count
from oss_cli.terminal.markdown.look import BOLD, DIM, Look
from oss_cli.terminal.markdown.rows import Line, Span, Spans, marked, split_lines, styled, wrap

_GAP = "  "
_LEAST_COLUMN = 8
"""Cells that a column may be pressed to; narrower, and words are broken in every row."""

Cells = tuple[Spans, ...]
Widths = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a table. Not all of its rows may be here yet."""

    head: Cells
    rows: tuple[Cells, ...]
    alignments: tuple[str, ...]
    """Of each column: left, right or center."""
    complete_rows: int
    """How many of the rows will not change any more."""


def choose_widths(grid: Grid, width: int, limit: int) -> Widths | None:
    """The widths of the columns, once so many rows are complete that they fill `limit` lines; None: not yet."""
    for count in range(min(grid.complete_rows, limit) + 1):
        widths = fit_widths([grid.head, *grid.rows[:count]], width)
        if _count_lines(grid, count, widths, width) > limit:
            return widths
    return None


def fit_widths(rows: Sequence[Cells], width: int) -> Widths:
    """As wide as the cells need; where that is too much, the widest columns give way. Empty: no room for columns."""
    columns = max(len(row) for row in rows)
    wanted = [1] * columns
    for row in rows:
        for column, cell in enumerate(row):
            wanted[column] = max(wanted[column], *(_cells(line) for line in split_lines(cell)))
    room = width - len(_GAP) * (columns - 1)
    if sum(wanted) <= room:
        return tuple(wanted)
    if room < sum(min(one, _LEAST_COLUMN) for one in wanted):
        return ()
    widths = [0] * columns
    for left, column in zip(range(columns, 0, -1), sorted(range(columns), key=wanted.__getitem__), strict=True):
        widths[column] = min(wanted[column], room // left)  # the narrow ones first: what they leave is shared
        room -= widths[column]
    return tuple(widths)


def lay_out(grid: Grid, widths: Widths, width: int, look: Look, *, has_head: bool) -> list[Line]:
    """The lines of the table. Without columns each row is a record of `head: cell`."""
    if not widths:
        return _lay_out_records(grid, width, follows=not has_head)
    lines: list[Line] = []
    if has_head:
        head = tuple(marked(styled(cell, BOLD)) for cell in grid.head)
        lines += _lay_out_row(head, widths, grid.alignments)
        ruler = _GAP.join(look.rule * one for one in widths)
        lines.append(Line((Span(ruler, DIM, is_mark=True),)))
    for row in grid.rows:
        lines += _lay_out_row(row, widths, grid.alignments)
    return lines


@lru_cache(maxsize=256)  # as often as the widths of the columns stay what they were
def _lay_out_row(row: Cells, widths: Widths, alignments: tuple[str, ...]) -> list[Line]:
    columns = [wrap(cell, width, breaks_words=True) for cell, width in zip(row, widths, strict=False)]
    lines: list[Line] = []
    for parts in zip_longest(*columns, fillvalue=()):
        spans: list[Span] = []
        for part, width, alignment in zip(parts, widths, alignments, strict=False):
            free = max(0, width - _cells(part))
            before = {"right": free, "center": free // 2}.get(alignment, 0)
            spans += [Span(" " * before), *part, Span(" " * (free - before) + _GAP)]
        lines.append(Line(tuple(span for span in spans if span.text), is_bound=True))
    return [*lines[:-1], replace(lines[-1], is_bound=False)] if lines else []


def _lay_out_records(grid: Grid, width: int, *, follows: bool) -> list[Line]:
    lines: list[Line] = []
    for number, row in enumerate(grid.rows):
        if number or follows:
            lines.append(Line())
        for name, cell in zip(grid.head, row, strict=False):
            label = marked(styled(name, BOLD))
            between = (Span(": ", is_mark=True),) if label else ()
            wrapped = wrap((*label, *between, *cell), width)
            lines += [Line(spans, is_bound=True) for spans in wrapped]
        lines[-1:] = [replace(line, is_bound=False) for line in lines[-1:]]
    return lines


def _count_lines(grid: Grid, count: int, widths: Widths, width: int) -> int:
    some = replace(grid, rows=grid.rows[:count])
    return len(lay_out(some, widths, width, Look(has_colour=False), has_head=True))


def _cells(spans: Spans) -> int:
    return cell_count("".join(span.text for span in spans))
