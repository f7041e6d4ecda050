"""Rows on a terminal: those that stay, and below them those that are still drawn anew. Knows nothing of Markdown."""

from collections.abc import Sequence

from oss_cli.terminal.cells import cell_range
from oss_cli.terminal.console import Stream
from oss_cli.terminal.markdown.rows import Row, Span

_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
"""Terminals that know them show what stands between at once; the cursor is never left hidden: both are one write."""
_CLEAR_BELOW = "\x1b[J"
_RESET = "\x1b[0m"


class LiveRows:
    """The lowest rows of what has been printed.

    While there are any, the cursor stands behind the last one; else at the beginning of an empty row. What is above
    them is never touched. Only what is different is written.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rows: list[Row] = []
        self._width = 0
        self._is_torn = False
        """Whether a write was broken off, so that nobody knows where the cursor is."""
        self._follows_flow = False
        """Whether the row above is the same line as the first of these."""
        self.drawn_rows = 0
        """How many rows have been written in all."""

    def draw(self, done: Sequence[Row], live: Sequence[Row], width: int) -> None:
        """Put rows in the place of the live ones. Those that are done stay for ever, the others are live now."""
        rows = [*done, *live]
        same = self._count_same(rows) if width == self._width and not self._is_torn else 0
        text = self._text(rows, same, width)
        if rows and not live and not rows[-1].flows_on:
            text += "\n"
        if text:
            self._is_torn = True
            self._stream.draw(text)
        self._follows_flow = done[-1].flows_on if done else self._follows_flow
        self._rows, self._width, self._is_torn = list(live), width, False

    def settle(self, width: int) -> Sequence[Row]:
        """Leave the rows for ever that another width would have to be drawn anew for; which ones.

        Nobody knows whether the terminal has wrapped them anew. Only the last stays alive, with what belongs to it.
        """
        if width == self._width or not self._rows:
            return ()
        at = len(self._rows) - 1
        while at and (self._rows[at - 1].is_bound or self._rows[at - 1].flows_on):
            at -= 1
        settled, self._rows = self._rows[:at], self._rows[at:]
        self._is_torn = self._is_torn or (not at and self._follows_flow)
        return settled

    def _count_same(self, rows: Sequence[Row]) -> int:
        """How many of the live rows can stay as they are."""
        same = 0
        for old, new in zip(self._rows, rows, strict=False):
            if (old.spans, old.flows_on) != (new.spans, new.flows_on):
                break
            same += 1
        return same

    def _text(self, rows: Sequence[Row], same: int, width: int) -> str:
        old = self._rows
        if self._is_torn:
            return f"{_RESET}{_END_FRAME}\n" + self._written(rows)
        if not old:
            return self._written(rows)
        if same == len(old):
            between = "" if old[-1].flows_on or same == len(rows) else "\n"
            return between + self._written(rows[same:])
        added = _added(old[-1], rows[same]) if same == len(old) - 1 and same < len(rows) else None
        if added is not None:
            self.drawn_rows += 1
            rest = rows[same + 1 :]
            return _encode(added) + ("\n" if rest and not rows[same].flows_on else "") + self._written(rest)
        begin = min(same, max(0, len(rows) - 1))
        up = self._rows_on_screen(width) - 1 - begin
        move = f"\x1b[{up}A" if up > 0 else ""
        return f"{_BEGIN_FRAME}{move}\r{_CLEAR_BELOW}{self._written(rows[begin:])}{_END_FRAME}"

    def _rows_on_screen(self, width: int) -> int:
        """How many rows the live ones take at least.

        When the terminal's width has changed, it may have wrapped them anew or not. Too few leaves a remnant of them
        on the screen, too many would take what is above.
        """
        if width == self._width or not width:
            return len(self._rows)
        rewrapped = 0
        cells = 0
        for row in self._rows:
            cells += len(row.text)
            if not row.flows_on:
                rewrapped += max(1, -(-cells // width))
                cells = 0
        return min(len(self._rows), rewrapped + bool(cells))

    def _written(self, rows: Sequence[Row]) -> str:
        self.drawn_rows += len(rows)
        parts: list[str] = []
        for number, row in enumerate(rows):
            parts.append(_encode(row.spans))
            if number < len(rows) - 1 and not row.flows_on:
                parts.append("\n")
        return "".join(parts)


def _encode(spans: Sequence[Span]) -> str:
    return "".join(f"\x1b[{span.style}m{span.text}{_RESET}" if span.style else span.text for span in spans)


def _added(old: Row, new: Row) -> tuple[Span, ...] | None:
    """What has to be written behind a row to make it another; None: it has to be written anew."""
    if not old.spans or len(new.spans) < len(old.spans):
        return None
    at = len(old.spans) - 1
    last, now = old.spans[at], new.spans[at]
    if old.spans[:at] != new.spans[:at] or last.style != now.style or not now.text.startswith(last.text):
        return None
    more = Span(now.text[len(last.text) :], now.style)
    if more.text and _joins(more.text[0]):
        return None
    return tuple(span for span in (more, *new.spans[at + 1 :]) if span.text)


def _joins(character: str) -> bool:
    """Whether it changes the letter before it."""
    return not character.isascii() and cell_range(character)[0] == 0
