"""The first fenced block of code in a Markdown text that comes in pieces. Knows fences, and no other Markdown.

Code is let through as soon as it is known to be code: only a line that may be the closing fence waits for its end.

Source: CommonMark 0.31.2, section 4.5, "Fenced code blocks". Beyond it: a fence may be indented as deep as it likes, or
stand behind the mark of a list item, because models write them so; and inside a block of Markdown a fence with a
language opens a block of its own.
"""

import re

_OPENING = re.compile(r"((?:[ \t]|(?:[-*+]|\d{1,9}[.)])[ \t])*)(?:(`{3,})([^`]*)|(~{3,})(.*))")
_MAY_BE_FENCE = re.compile(r"[ \t]*(?:`*|~*)[ \t\r]*")
_MARKDOWN = ("markdown", "md")
_SAME = {
    "py": "python", "python3": "python", "js": "javascript", "ts": "typescript", "sh": "bash", "shell": "bash",
    "zsh": "bash", "yml": "yaml", "md": "markdown", "rb": "ruby", "rs": "rust", "c++": "cpp", "cs": "csharp",
    "c#": "csharp", "golang": "go", "kt": "kotlin", "ps1": "powershell", "docker": "dockerfile", "htm": "html",
}  # fmt: skip
"""Names that models give to one language."""


class FirstCodeBlock:
    """Fed with a text, lets the first block of code through, without its fences and its indentation."""

    def __init__(self, language: str = "") -> None:
        """language: only a block that says it is in this one counts; empty: any."""
        self._language = _plain_name(language)
        self.is_found = False
        """Whether such a block has begun."""
        self.is_over = False
        """Whether it has ended: nothing more will come."""
        self._line = ""
        """The line that goes on, as far as it waits."""
        self._is_told = False
        """Whether the beginning of the line that goes on has been let through, and its rest may follow at once."""
        self._fence = ""
        """What the block that we are in began with; empty: we are in none."""
        self._indent = 0
        self._is_wanted = False
        self._is_markdown = False
        self._inner_fences: list[str] = []

    def feed(self, text: str) -> str:
        """The code in the next piece of the text."""
        code: list[str] = []
        for line in re.findall(r"[^\n]*\n|[^\n]+", text):
            if self.is_over:
                break
            code.append(self._take(line))
        return "".join(code)

    def close(self) -> str:
        """What still waited; call it at the end of the text. A block without an end reaches up to there."""
        if self.is_over or not self._line:
            return ""
        line, self._line = self._line, ""
        return self._end_line(line)

    def _take(self, piece: str) -> str:
        """The code in a piece of one line."""
        if self._is_told:
            self._is_told = not piece.endswith("\n")
            return piece
        self._line += piece
        if piece.endswith("\n"):
            line, self._line = self._line, ""
            return self._end_line(line)
        if not self._is_wanted or _MAY_BE_FENCE.fullmatch(self._line) or self._may_open_inside(self._line):
            return ""
        line, self._line, self._is_told = self._line, "", True
        return self._dedented(line)

    def _end_line(self, line: str) -> str:
        bare = line.rstrip("\r\n")
        if not self._fence:
            self._begin(bare)
            return ""
        if self._inner_fences:
            if _closes(bare, self._inner_fences[-1], self._indent):
                self._inner_fences.pop()
        elif _closes(bare, self._fence, self._indent):
            self._fence = ""
            self.is_over, self._is_wanted = self._is_wanted, False
            return ""
        if self._may_open_inside(bare):
            self._inner_fences.append(bare.strip()[: _fence_length(bare)])
        return self._dedented(line) if self._is_wanted else ""

    def _begin(self, line: str) -> None:
        opening = _OPENING.fullmatch(line)
        if opening is None:
            return
        before, backticks, after_backticks, tildes, after_tildes = opening.groups()
        self._fence, self._indent = backticks or tildes, len(before)
        said = (after_backticks or after_tildes or "").split()
        language = _plain_name(said[0]) if said else ""
        self._is_markdown = language in _MARKDOWN
        self._is_wanted = not self._language or language == self._language
        self.is_found = self._is_wanted

    def _may_open_inside(self, line: str) -> bool:
        """Whether a line inside a block of Markdown opens a block of its own: a fence with a language."""
        return self._is_markdown and _fence_length(line) >= len(self._fence) and bool(line.strip().strip("`~"))

    def _dedented(self, line: str) -> str:
        blanks = len(line) - len(line.lstrip(" \t"))
        return line[min(blanks, self._indent) :]


def _closes(line: str, fence: str, indent: int) -> bool:
    """Whether a line ends a block that began with this fence, that far from the margin."""
    bare = line.strip(" \t")
    blanks = len(line) - len(line.lstrip(" \t"))
    return len(bare) >= len(fence) and set(bare) == {fence[0]} and blanks <= indent + 3


def _fence_length(line: str) -> int:
    """How many of its letters are the fence at a line's beginning; 0: there is none."""
    found = re.match(r"`{3,}|~{3,}", line.strip())
    return len(found[0]) if found else 0


def _plain_name(language: str) -> str:
    name = language.strip().strip("{}.").lower()  # {.python}, as Pandoc writes it
    return _SAME.get(name, name)
