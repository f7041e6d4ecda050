"""What a program wrote to a terminal, as a picture (SVG). Knows nothing of the program."""

import html
import io
import re
from itertools import groupby

import pyte
from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.text import Text

_FAINT, _BLINK, _NO_INTENSITY, _NO_BLINK = 2, 5, 22, 25
_OUTSIDE = re.compile(r"@font-face \{.*?\}|<!--.*?-->", re.DOTALL)
"""Rich's links to fonts and to its own page: a picture in a README loads nothing."""


class _Screen(pyte.Screen):  # type: ignore[misc]  # pyte has no types
    """Keeps faint text as blinking: pyte knows no faint text, and nothing of ours blinks."""

    def select_graphic_rendition(self, *codes: int) -> None:
        if not {38, 48} & set(codes):  # what follows these is a colour
            stand_ins = {_FAINT: [_BLINK], _NO_INTENSITY: [_NO_INTENSITY, _NO_BLINK]}
            codes = tuple(own for code in codes for own in stand_ins.get(code, [code]))
        super().select_graphic_rendition(*codes)


def draw(written: bytes, columns: int, lines: int, title: str) -> str:
    """The screen, down to its last line with text, after all this was written to it."""
    screen = _Screen(columns, lines)
    pyte.ByteStream(screen).feed(written)
    cursor = screen.buffer[screen.cursor.y]
    cursor[screen.cursor.x] = cursor[screen.cursor.x]._replace(reverse=True)
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor", _environ={}
    )
    for number in range(len("\n".join(screen.display).rstrip().splitlines())):
        row = (screen.buffer[number][column] for column in range(columns))
        # A word a piece: pieces are placed by the column, so no blank has to be as wide as the viewer's font makes it.
        words = groupby(row, lambda cell: (_style(cell), cell.data == " "))
        runs = [("".join(cell.data for cell in cells), style) for (style, _), cells in words]
        console.print(Text.assemble(*runs), no_wrap=True)
    svg = _OUTSIDE.sub("", console.export_svg(title=title, unique_id="screen"))
    return "\n".join(line.strip() for line in svg.splitlines() if line.strip()) + "\n"


def words_of(svg: str) -> list[str]:
    """The text of a picture, line by line and without blanks: what stands in colour is cut up as rich likes it."""
    lines: dict[float, str] = {}
    for y, text in re.findall(r'<text [^>]*\by="([\d.]+)"[^>]*>(.*?)</text>', svg, re.DOTALL):
        lines[float(y)] = lines.get(float(y), "") + "".join(html.unescape(text).split())
    return [lines[y] for y in sorted(lines) if lines[y]]


def _style(cell: Char) -> Style:
    return Style(
        color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, dim=cell.blink, italic=cell.italics,
        underline=cell.underscore, strike=cell.strikethrough, reverse=cell.reverse,
    )  # fmt: skip


def _colour(name: str) -> str:
    """Rich's name of a colour of pyte's."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")
