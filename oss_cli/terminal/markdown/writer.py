"""A Markdown text that grows, on a terminal: what is finished is printed once, only its last rows are drawn anew.

Knows nothing of events. Where a text stops being finished is `tail.py`'s business, where the cursor is `live.py`'s.
"""

import re
import time
from collections.abc import Callable
from html import unescape

from oss_cli.terminal.console import Stream
from oss_cli.terminal.markdown.live import LiveRows
from oss_cli.terminal.markdown.look import look_of
from oss_cli.terminal.markdown.rows import Row
from oss_cli.terminal.markdown.tail import Page, Tail

_FRAME_S = 1 / 15
_SHARE = 10
"""Of the time that passes, drawing may take one part in so many: decoding needs the processor."""
_LIVE_ROWS = 8
"""Rows above these are printed for good: what comes hardly ever changes them, and if so the text alone counts."""

_PARTS = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});|.", re.DOTALL)
"""An entity, of an `&` that is written as one too; or one character."""


class MarkdownWriter:
    """Writes one text. `finish` it, however it ends."""

    def __init__(
        self,
        stream: Stream,
        clock: Callable[[], float] = time.monotonic,
        size: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        """size: columns and lines of the terminal now; asked before anything is drawn."""
        self._clock = clock
        self._size = size or stream.size
        self._look = look_of(stream)
        self._rows = LiveRows(stream)
        self._tail = Tail()
        self._printed: list[str] = []
        """The content of those of the tail's rows that have been printed for good."""
        self._printed_part = ""
        """Content of the next row that has been printed; the terminal had another width then."""
        self._held = ""
        """A carriage return at the end of a piece: a line feed may follow."""
        self._next_frame = 0.0
        self._has_more = False
        """Whether anything came since the beginning."""

    @property
    def drawn_rows(self) -> int:
        """How many rows have been written in all."""
        return self._rows.drawn_rows

    def prime(self, text: str) -> None:
        """Begin behind a text that was shown earlier; its last, unfinished block is shown again."""
        self._tail = self._tail.with_more(text)
        page = self._page()
        while (shortened := self._tail.shortened(page)) is not None:
            self._tail = shortened
        self._tail = self._tail.first()

    def write(self, text: str) -> None:
        """Add a piece; it is drawn at once, or with one of the next."""
        self._has_more = True
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        self._tail = self._tail.with_more(text.removesuffix("\r") if self._held else text)
        begun = self._clock()
        if begun < self._next_frame:
            return
        self._draw(is_finished=False)
        now = self._clock()
        self._next_frame = begun + max(_FRAME_S, (now - begun) * _SHARE)

    def finish(self) -> None:
        """Draw what is left, and leave the cursor at the beginning of an empty row."""
        self._tail = self._tail.with_more(self._held)
        if self._has_more:
            self._draw(is_finished=True)
        self._tail, self._printed, self._printed_part = Tail(), [], ""
        self._held, self._has_more = "", False

    def _page(self) -> Page:
        columns, lines = self._size()
        return Page(max(1, columns), max(1, min(_LIVE_ROWS, lines - 2)), self._look)

    def _draw(self, *, is_finished: bool) -> None:
        page = self._page()
        rows = self._tail.lay_out(page, is_finished=is_finished)
        shortened = None if is_finished else self._tail.shortened(page)
        settled = len(rows) if is_finished else 0
        kept: list[Row] = []
        if shortened is not None:
            shorter = shortened.lay_out(page, is_finished=False)
            kept = shorter[: shortened.count_kept_rows(page)]
            settled = len(rows) - len(shorter) + len(kept)
        for row in self._rows.settle(page.width):
            self._printed.append(self._printed_part + row.content)
            self._printed_part = ""
        at, part = self._find_printed(rows)
        rest = rows[at:]
        if part and rest:
            rest = [rest[0].without(len(part)), *rest[1:]]
        done = max(settled - at, self._count_done(rest, page), 0)
        self._rows.draw(rest[:done], rest[done:], page.width)
        self._printed = [row.content for row in rows[: at + done]]
        self._printed_part = part if not done else ""
        if shortened is not None:
            self._tail = shortened
            self._printed[:settled] = [row.content for row in kept]

    def _count_done(self, rows: list[Row], page: Page) -> int:
        """How many rows are far enough above the end. Rows that belong together are not parted if there is room."""
        done = max(0, len(rows) - page.limit)
        together = done
        while together and (rows[together - 1].is_bound or rows[together - 1].flows_on):
            together -= 1
        most = max(1, self._size()[1] - 2)
        return together if len(rows) - together <= most else max(done, len(rows) - most)

    def _find_printed(self, rows: list[Row]) -> tuple[int, str]:
        """Where what has been printed ends: a row, and the content of it that is printed too.

        The rows are the same as before, unless the terminal's width has changed or an old mark has found its partner.
        Then the letters are counted.
        """
        count = len(self._printed)
        if len(rows) >= count and all(row.content == old for row, old in zip(rows, self._printed, strict=False)):
            if not self._printed_part:
                return count, ""
            if len(rows) > count and rows[count].content.startswith(self._printed_part):
                return count, self._printed_part
        printed = "".join(self._printed) + self._printed_part
        content = "".join(row.content for row in rows)
        left = len(printed) if content.startswith(printed) else _count_as_many_letters(content, printed)
        for number, row in enumerate(rows):
            size = len(row.content)
            if left < size or not left:
                return number, row.content[:left]
            left -= size
        return len(rows), ""


def _count_as_many_letters(content: str, printed: str) -> int:
    """How much of the content has the letters and digits of what was printed; marks may have become invisible.

    An entity counts as what it stands for: `&amp;` may have been shown as `&` and be a part of code now.
    """
    letters = sum(_letters(part) for part in _PARTS.findall(printed))
    at = 0
    for part in _PARTS.findall(content):
        if letters <= 0:
            break
        letters -= _letters(part)
        at += len(part)
    return at


def _letters(part: str) -> int:
    """Letters and digits of one character or one entity."""
    while len(part) > 1 and (read := unescape(part)) != part:
        part = read
    return sum(map(str.isalnum, part))
