"""The words of a GBNF text, one after another, and where they stand. Knows nothing of what they make together."""

import re

from oss_cli.errors import BadUsage
from oss_cli.grammar import characters
from oss_cli.grammar.characters import Ranges

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BLANK = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_BLANK_WITH_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_LINE_END = re.compile(r"\r?\n|\r")
_TOKEN = re.compile(r"(\d{1,9})\]>")
_BOUNDS = re.compile(r"\s*(\d{0,9})\s*(,?)\s*(\d{0,9})\s*\}")
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-", "^": "^"}


class GbnfText:
    """A text and a place in it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.position = 0

    @property
    def is_over(self) -> bool:
        """Whether all of it has been read."""
        return self.position >= len(self._source)

    @property
    def last(self) -> str:
        """The character before this place."""
        return self._source[self.position - 1 : self.position]

    @property
    def here(self) -> str:
        """What stands at this place, for an error."""
        return "the end" if self.is_over else repr(self._source[self.position])

    def error(self, problem: str, position: int) -> BadUsage:
        """What is wrong at a place."""
        before = self._source[:position]
        line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
        return BadUsage("the grammar cannot be read", cause=f"line {line}, column {column}: {problem}")

    def take(self, sign: str) -> bool:
        """Whether this comes next; it is read then."""
        found = self._source.startswith(sign, self.position)
        if found:
            self.position += len(sign)
        return found

    def take_name(self) -> str:
        """A rule's name; empty: something else comes."""
        return self._take(_NAME)

    def take_line_end(self) -> bool:
        """Whether the line ends here; then its end is read."""
        return bool(self._take(_LINE_END))

    def skip_blank(self, *, with_lines: bool = False) -> None:
        """Leave out blanks and comments. with_lines: and ends of lines."""
        self._take(_BLANK_WITH_LINES if with_lines else _BLANK)

    def take_literal(self, start: int) -> str:
        """A text up to its closing quote.

        start: where its opening quote stood.
        """
        parts = []
        while not self.take('"'):
            if self.is_over or self._source[self.position] in "\r\n":
                raise self.error('this " has no second one on its line', start)
            parts.append(self._take_character())
        return "".join(parts)

    def take_class(self, start: int) -> Ranges:
        """A set of characters up to its closing bracket.

        start: where its opening bracket stood.
        """
        is_inverted = self.take("^")
        pairs = []
        while not self.take("]"):
            low = self._take_class_character(start)
            has_range = self._source.startswith("-", self.position) and self._source[self.position + 1 :][:1] != "]"
            high = low
            if has_range:
                self.position += 1
                high = self._take_class_character(start)
            if high < low:
                raise self.error(f"the range {low}-{high} is the wrong way round", start)
            pairs.append((ord(low), ord(high)))
        some = characters.ranges(pairs)
        some = characters.inverted(some) if is_inverted else some
        if not some:
            raise self.error("this class holds no character", start)
        return some

    def take_token(self, start: int) -> int:
        """A token's id, after `<[`."""
        if not self._source.startswith("<[", start) or (match := _TOKEN.match(self._source, self.position)) is None:
            raise self.error("a token is written as <[200008]>, by its id", start)
        self.position = match.end()
        return int(match[1])

    def take_bounds(self, start: int) -> tuple[int, int | None]:
        """How often something is repeated, after `{`."""
        match = _BOUNDS.match(self._source, self.position)
        if match is None or not (match[1] or match[3]) or (not match[2] and match[3]):
            raise self.error("a repetition is written as {2}, {2,} or {2,5}", start)
        self.position = match.end()
        least = int(match[1] or 0)
        most = least if not match[2] else int(match[3]) if match[3] else None
        if most is not None and most < least:
            raise self.error(f"{{{least},{most}}} is the wrong way round", start)
        return least, most

    def _take(self, pattern: "re.Pattern[str]") -> str:
        match = pattern.match(self._source, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def _take_class_character(self, start: int) -> str:
        if self.is_over or self._source[self.position] in "\r\n":
            raise self.error("this [ has no ] on its line", start)
        return self._take_character()

    def _take_character(self) -> str:
        """A character, or what an escape stands for."""
        start = self.position
        character = self._source[start]
        self.position += 1
        if character != "\\":
            return character
        sign = self._source[self.position : self.position + 1]
        self.position += 1
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        length = _HEXADECIMAL.get(sign, 0)
        digits = self._source[self.position : self.position + length]
        if not length or not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
            raise self.error(f"{self._source[start : self.position + length]} is no escape", start)
        self.position += length
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self.error(f"\\{sign}{digits} is no character", start)
        return chr(code)
