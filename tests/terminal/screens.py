"""Terminals that show what a reply leaves behind: one as pyte models it, one that wraps its lines anew."""

import re
from collections.abc import Iterator

import pyte

_STYLE = r"(?:[12349]|3[1-6])"
OURS = re.compile(
    rf"\x1b\[(?:0|{_STYLE}(?:;{_STYLE})*)m|\r\x1b\[2K|(?:\x1b\[[1-9][0-9]*A)?\r\x1b\[J|\x1b\[\?(?:2026|25)[hl]"
)
"""Every escape sequence that we ever write."""


def shown_on(columns: int, lines: int, written: str) -> str:
    """The screen and what left it at its top, without the blanks at the ends of lines."""
    screen = pyte.HistoryScreen(columns, lines, history=100_000, ratio=0.001)
    screen.set_mode(pyte.modes.LNM)  # a line feed returns the carriage, as the system's terminal driver has it
    # pyte drops what follows characters that take no cell.
    pyte.Stream(screen).feed(re.sub("[\u200d\ufe0f\u200c]", "", written))
    assert not screen.cursor.hidden
    assert screen.cursor.x == 0
    history = ["".join(line[column].data for column in range(columns)) for line in screen.history.top]
    return "\n".join(line.rstrip() for line in [*history, *screen.display]).rstrip() + "\n"


class WrappingTerminal:
    """A terminal of endless height that wraps all its lines anew when its width changes. One cell a letter."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._lines = [""]
        self._line = 0
        self._offset = 0

    @property
    def text(self) -> str:
        """All lines, however often they are wrapped."""
        return "\n".join(line.rstrip() for line in self._lines)

    def feed(self, written: str) -> None:
        """Do what a terminal does with our own sequences."""
        for token in _tokens(written):
            if token == "\n":
                self._line, self._offset = self._line + 1, 0
                if self._line == len(self._lines):
                    self._lines.append("")
            elif token == "\r":
                self._offset = self._row_in_line() * self.columns
            elif token == "\x1b[J":
                self._lines[self._line] = self._lines[self._line][: self._offset]
                del self._lines[self._line + 1 :]
            elif token.endswith("A") and token[0] == "\x1b":
                self._up(int(token[2:-1]))
            elif token[0] != "\x1b":
                line = self._lines[self._line].ljust(self._offset)
                self._lines[self._line] = line[: self._offset] + token + line[self._offset + 1 :]
                self._offset += 1

    def _row_in_line(self) -> int:
        waits = self._offset and self._offset % self.columns == 0 and self._offset == len(self._lines[self._line])
        return self._offset // self.columns - bool(waits)

    def _up(self, rows: int) -> None:
        row = self._row_in_line() - rows
        while row < 0:
            self._line -= 1
            assert self._line >= 0, "the cursor left the terminal at its top"
            row += max(1, -(-len(self._lines[self._line]) // self.columns))
        self._offset = row * self.columns


def _tokens(written: str) -> Iterator[str]:
    for found in re.finditer(r"\x1b\[[?0-9;]*[A-Za-z]|.|\n", written):
        yield found.group()
