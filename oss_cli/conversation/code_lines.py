"""Which lines of a Markdown text are surely code, whatever stands around them. Knows fences, and no other Markdown.

A fence at the beginning of a line always begins code. An indented one does, too, but may end with the list item that it
belongs to; so it counts only as long as the lines below are indented like it. Where two readers of Markdown could
disagree, nothing that follows is taken for code any more.

Source: CommonMark 0.31.2, section 4.5, "Fenced code blocks".
"""

import re

_FENCE = re.compile(r"( {0,3})(?:(`{3,})[^`]*|(~{3,}).*)")
_ANY_FENCE = re.compile("`{3,}|~{3,}")


class CodeLines:
    """Reads a text line by line."""

    def __init__(self) -> None:
        self._fence = ""
        """What the block of code that we are in began with; empty: we are in none."""
        self._indent = 0
        self._trusts_indented = True
        self._trusts = True

    def takes(self, line: str) -> bool:
        """Whether the next line is code, or one of the two fences around it."""
        if not self._trusts:
            return False
        return self._goes_on(line) if self._fence else self._begins(line)

    def _begins(self, line: str) -> bool:
        opening = _FENCE.fullmatch(line)
        if opening is None:
            if _ANY_FENCE.search(line):  # perhaps of a list item: an indented one below may be its end
                self._trusts_indented = False
            return False
        if opening[1] and not self._trusts_indented:
            self._trusts = False
            return False
        self._indent = len(opening[1])
        self._fence = opening[2] or opening[3]
        return "<" not in line

    def _goes_on(self, line: str) -> bool:
        bare = line.strip(" \t")
        indent = len(line) - len(line.lstrip(" "))
        is_closing = len(bare) >= len(self._fence) and set(bare) == {self._fence[0]} and not line.startswith("\t")
        if self._indent == 0:
            if is_closing and indent <= 3:
                self._fence = ""
            return True
        if not bare or (indent >= self._indent and not is_closing):
            return True
        if is_closing and indent == self._indent:
            self._fence = ""
            return True
        self._trusts = False
        return False


def fence_around(text: str) -> str:
    """A fence of backticks that is longer than any run of them in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
