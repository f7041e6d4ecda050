"""The blocks of a Markdown text as lines for a width. Knows nothing of what has been printed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from markdown_it.token import Token

from oss_cli.terminal.markdown.code import highlight
from oss_cli.terminal.markdown.grid import Cells, Grid, Widths, choose_widths, fit_widths, lay_out
from oss_cli.terminal.markdown.inline import close_open_marks, read_inline, the_parser
from oss_cli.terminal.markdown.look import BOLD, DIM, ITALIC, UNDERLINE, Look
from oss_cli.terminal.markdown.rows import Line, Span, Spans, over, styled, wrap

_LEAST_WIDTH = 6
"""Cells that deeply nested text is wrapped to at the least; lines then flow over the terminal's edge."""
_RULE_CELLS = 40
_PARAGRAPH_CHARACTERS = 4000
"""Longer paragraphs are cut: no person writes them, and one has to be read anew while it grows."""


@dataclass(slots=True)
class Block:
    """A block and the blocks inside it."""

    token: Token
    first_line: int
    end_line: int
    children: list["Block"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """As markdown_it calls it, without `_open`."""
        return self.token.type.removesuffix("_open")


@lru_cache(maxsize=4)  # a text is laid out and then shortened
def read_blocks(source: str) -> list[Block]:
    """The top-level blocks of a text."""
    tokens: list[Token] = []
    the_parser().block.parse(source, the_parser(), {}, tokens)
    top: list[Block] = []
    open_blocks: list[Block] = []
    for token in tokens:
        if token.nesting == -1:
            open_blocks.pop()
            continue
        first, end = token.map or ((open_blocks[-1].first_line, open_blocks[-1].end_line) if open_blocks else (0, 0))
        block = Block(token, first, end)
        (open_blocks[-1].children if open_blocks else top).append(block)
        if token.nesting == 1:
            open_blocks.append(block)
    return top


@dataclass(frozen=True, slots=True)
class Layout:
    """How the blocks of one text are laid out."""

    source_lines: Sequence[str]
    look: Look
    limit: int
    """Lines of a table after which the widths of its columns stay."""
    is_finished: bool
    """Whether nothing will follow: until then a last mark may be without its partner."""
    table_widths: Widths | None = None
    """Of the table that the text begins with, if its head and first rows have been printed."""

    def lay_out(self, blocks: Sequence[Block], width: int, *, is_last: bool = True) -> list[Line]:
        """The lines of blocks that follow each other, with an empty line between them.

        is_last: whether the text ends with them.
        """
        lines: list[Line] = []
        for number, block in enumerate(blocks):
            laid_out = self._block(block, width, is_last=is_last and number == len(blocks) - 1)
            if lines and laid_out:
                lines.append(Line())
            lines += laid_out
        return lines

    def has_blank_above(self, block: Block) -> bool:
        """Whether an empty line stands above a block, marks of quotations aside."""
        return block.first_line > 0 and not self.source_lines[block.first_line - 1].strip(" >\t")

    def _block(self, block: Block, width: int, *, is_last: bool) -> list[Line]:
        match block.kind:
            case "bullet_list" | "ordered_list":
                return self._list(block, width, is_last=is_last)
            case "blockquote":
                bar = (Span(self.look.bar, DIM, is_mark=True), Span(" ", is_mark=True))
                inner = self.lay_out(block.children, max(_LEAST_WIDTH, width - 2), is_last=is_last)
                return [replace(line, spans=(*bar, *line.spans)) for line in inner]
            case "table":
                return self._table(block, width, is_last=is_last)
        return [Line(spans) for spans in self._leaf(block, width, is_last=is_last)]

    def _leaf(self, block: Block, width: int, *, is_last: bool) -> Sequence[Spans]:
        """The lines of a block without blocks in it."""
        match block.kind:
            case "heading":
                style = {"h1": over(BOLD, UNDERLINE), "h2": BOLD}.get(block.token.tag, over(BOLD, ITALIC))
                return wrap(styled(self._text(block, width, is_last=is_last), style), width)
            case "fence" | "code_block":
                language = block.token.info.split()[0].lower() if block.token.info.strip() else ""
                code = block.token.content.rstrip("\n")
                return highlight(code.split("\n"), language, self.look) if code else []
            case "hr":
                return [(Span(self.look.rule * min(width, _RULE_CELLS), DIM, is_mark=True),)]
        *pieces, last = split_paragraph(block.children[0].token.content if block.children else block.token.content)
        lines = [line for piece in pieces for line in wrap(read_inline(piece, self.look), width)]
        return [*lines, *wrap(self._read(last, width, is_last=is_last), width)]

    def _text(self, block: Block, width: int, *, is_last: bool) -> Spans:
        return self._read(block.children[0].token.content, width, is_last=is_last) if block.children else ()

    def _read(self, content: str, width: int, *, is_last: bool) -> Spans:
        if is_last and not self.is_finished:
            content = close_open_marks(content, within=width * 2)
        return read_inline(content, self.look)

    def _list(self, block: Block, width: int, *, is_last: bool) -> list[Line]:
        """Items with an empty line between them where the source has one: it does not change when more items come."""
        lines: list[Line] = []
        for number, item in enumerate(block.children):
            if lines and self.has_blank_above(item):
                lines.append(Line())
            is_bullet = block.kind == "bullet_list"
            mark = f"{self.look.bullet} " if is_bullet else f"{item.token.info}{item.token.markup} "
            lines += self._item(item, mark, width, is_last=is_last and number == len(block.children) - 1)
        return lines

    def _item(self, item: Block, mark: str, width: int, *, is_last: bool) -> list[Line]:
        inner: list[Line] = []
        for number, child in enumerate(item.children):
            last = is_last and number == len(item.children) - 1
            laid_out = self._block(child, max(_LEAST_WIDTH, width - len(mark)), is_last=last)
            if inner and laid_out and self.has_blank_above(child):
                inner.append(Line())
            inner += laid_out
        first, *others = inner or [Line()]
        indent = Span(" " * len(mark), is_mark=True)
        return [
            replace(first, spans=(Span(mark, is_mark=True), *first.spans)),
            *(replace(line, spans=(indent, *line.spans)) for line in others),
        ]

    def _table(self, block: Block, width: int, *, is_last: bool) -> list[Line]:
        grid = self.read_grid(block, is_last=is_last)
        if block.first_line == 0 and self.table_widths is not None:
            return lay_out(grid, self.table_widths, width, self.look, has_head=False)
        chosen = choose_widths(grid, width, self.limit)
        widths = fit_widths([grid.head, *grid.rows], width) if chosen is None else chosen
        lines = lay_out(grid, widths, width, self.look, has_head=True)
        if chosen is None and is_last and not self.is_finished:  # the next row may make it wider
            lines = [replace(line, is_bound=True) for line in lines]
        return lines

    def read_grid(self, table: Block, *, is_last: bool) -> Grid:
        """The cells of a table."""
        rows = [row for part in table.children for row in part.children]
        cells: list[Cells] = [
            tuple(
                read_inline(cell.children[0].token.content if cell.children else "", self.look) for cell in row.children
            )
            for row in rows
        ]
        alignments = tuple(str(cell.token.attrs.get("style", "")).rpartition(":")[2] for cell in rows[0].children)
        is_growing = is_last and not self.is_finished and bool(self.source_lines[-1])
        return Grid(cells[0], tuple(cells[1:]), alignments, len(cells) - 1 - is_growing)


def split_paragraph(content: str) -> list[str]:
    """The pieces of a very long paragraph, each of which begins with a letter, so that it stays a paragraph."""
    pieces: list[str] = []
    while len(content) > _PARAGRAPH_CHARACTERS:
        cut = _PARAGRAPH_CHARACTERS
        while cut > 1 and not (content[cut - 1].isspace() and content[cut].isalpha()):
            cut -= 1
        if cut == 1:
            cut = _PARAGRAPH_CHARACTERS
            if not content[cut].isalpha():
                break
        pieces.append(content[:cut])
        content = content[cut:]
    return [*pieces, content]
