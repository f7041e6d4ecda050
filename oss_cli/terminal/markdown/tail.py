"""The part of a growing Markdown text that is not finished yet. Knows nothing of the terminal but its size and look."""

import re
from dataclasses import dataclass, replace

from oss_cli.terminal.markdown.blocks import Block, Layout, read_blocks, split_paragraph
from oss_cli.terminal.markdown.code import split_code
from oss_cli.terminal.markdown.grid import Widths, choose_widths, fit_widths
from oss_cli.terminal.markdown.look import DIM, Look
from oss_cli.terminal.markdown.rows import Line, Row, Span, cut_into_rows
from oss_cli.terminal.sanitize import visible

_UNDECIDED = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(?:(?:`{3}|~{3}).*|[-*+=_#|:>`~\s]*|\d{1,9}[.)]?\s*)")
"""A line that is still being written and so far may become anything: a heading, an item, a fence."""
_LISTS = ("bullet_list", "ordered_list")
_KEPT_ROWS = 16
"""Of a table; it is read anew as it grows."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a text is laid out for."""

    width: int
    limit: int
    """Most rows that are drawn anew."""
    look: Look


@dataclass(frozen=True, slots=True)
class Tail:
    """A text whose beginning has been printed and forgotten."""

    source: str = ""
    lead: tuple[Span, ...] | None = None
    """The line before it, which is empty but for the bar of a quotation; None: it follows at once."""
    table_widths: Widths | None = None
    """Of the table that it begins with, if its head and first rows are gone."""
    table_width: int = 0
    """The terminal's width when those were chosen."""
    kept_lines: int = 0
    """Lines of the source that have been printed and stay, as what follows stands inside their item of a list."""

    def with_more(self, text: str) -> "Tail":
        """The text with another piece behind it; carriage returns come with their line feeds."""
        return replace(self, source=self.source + visible(text.replace("\r\n", "\n"), self.source))

    def first(self) -> "Tail":
        """The same, with nothing before it."""
        return Tail(self.source)

    def lay_out(self, page: Page, *, is_finished: bool) -> list[Row]:
        """The rows of the whole tail."""
        source = self._decided(is_finished=is_finished)
        blocks = read_blocks(source)
        lines = self._layout(source, page, is_finished=is_finished).lay_out(blocks, page.width)
        if lines and self.lead is not None:
            lines = [Line(self.lead), *lines]
        return [row for line in lines for row in cut_into_rows(line, page.width)]

    def count_kept_rows(self, page: Page) -> int:
        """How many of the rows have been printed before the rest began."""
        if not self.kept_lines:
            return 0
        lines = self.source.split("\n")
        kept = replace(self, source="\n".join(lines[: self.kept_lines])).lay_out(page, is_finished=True)
        return len(kept) + (not lines[self.kept_lines].strip(" >\t"))

    def shortened(self, page: Page) -> "Tail | None":
        """The tail without what cannot change any more; None if all of it can."""
        source = self._decided(is_finished=False)
        blocks = read_blocks(source)
        if len(blocks) != 1:
            return self._from_line(blocks[-1].first_line, lead=()) if blocks else None
        layout = self._layout(source, page, is_finished=False)
        match blocks[0].kind:
            case "bullet_list" | "ordered_list":
                return self._without_items(blocks[0], layout)
            case "blockquote":
                return self._without_quoted_blocks(blocks[0], layout)
            case "fence":
                return self._without_code(blocks[0])
            case "table":
                return self._without_table_rows(blocks[0], layout, page)
        return self._without_pieces(blocks[0], source)

    def _decided(self, *, is_finished: bool) -> str:
        """The source without a last line that may yet become anything."""
        before, line_feed, last = self.source.rpartition("\n")
        if is_finished or not _UNDECIDED.fullmatch(last):
            return self.source
        return before + line_feed

    def _layout(self, source: str, page: Page, *, is_finished: bool) -> Layout:
        widths = self.table_widths if self.table_width == page.width else None
        if widths is None and self.table_widths is not None:  # the terminal has another width now
            table = read_blocks(source)[0]
            grid = Layout(source.split("\n"), page.look, page.limit, is_finished).read_grid(table, is_last=False)
            widths = fit_widths([grid.head, *grid.rows], page.width)
        return Layout(source.split("\n"), page.look, page.limit, is_finished, widths)

    def _from_line(self, number: int, lead: tuple[Span, ...] | None) -> "Tail":
        return Tail("\n".join(self.source.split("\n")[number:]), lead)

    def _without_quoted_blocks(self, quote: Block, layout: Layout) -> "Tail | None":
        if len(quote.children) < 2:
            return None
        bar = Span(layout.look.bar, DIM, is_mark=True)
        return self._from_line(quote.children[-1].first_line, lead=(bar,))

    def _without_pieces(self, block: Block, source: str) -> "Tail | None":
        """The last piece of a very long paragraph."""
        content = block.children[0].token.content if block.kind == "paragraph" else ""
        *gone, kept = split_paragraph(content)
        return Tail(kept + "\n" * source.endswith("\n") + self.source[len(source) :]) if gone else None

    def _without_items(self, outer: Block, layout: Layout) -> "Tail | None":
        """The last item; if it is the only one, its first paragraph and the last item of the list that it ends with."""
        if len(outer.children) > 1:
            item = outer.children[-1]
            return self._from_line(item.first_line, lead=() if layout.has_blank_above(item) else None)
        item = outer.children[0]
        while item.children and item.children[0].kind == "paragraph" and item.children[-1].kind in _LISTS:
            last = item.children[-1].children[-1]
            begin, end = item.children[0].end_line, last.first_line - layout.has_blank_above(last)
            if end > begin:
                lines = self.source.split("\n")
                return replace(self, source="\n".join([*lines[:begin], *lines[end:]]), kept_lines=begin)
            item = last
        return None

    def _without_code(self, fence: Block) -> "Tail | None":
        """The fence's first line and the piece that is still being written."""
        lines = self.source.split("\n")
        body = lines[fence.first_line + 1 :]
        *gone, _ = split_code(body[:-1] if body else body)
        kept = body[sum(map(len, gone)) :]
        if not gone or not "".join(kept).strip():  # empty lines at the end of code are laid out when more comes
            return None
        return Tail("\n".join([lines[fence.first_line], *kept]))

    def _without_table_rows(self, table: Block, layout: Layout, page: Page) -> "Tail | None":
        rows = [row for part in table.children for row in part.children][1:]
        if len(rows) <= _KEPT_ROWS * 2:
            return None
        widths = layout.table_widths
        if widths is None:
            widths = choose_widths(layout.read_grid(table, is_last=True), page.width, page.limit)
        if widths is None:
            return None
        lines = self.source.split("\n")
        kept = lines[rows[-_KEPT_ROWS].first_line :]
        head = lines[table.first_line : table.first_line + 2]
        return Tail("\n".join([*head, *kept]), None, widths, page.width)
