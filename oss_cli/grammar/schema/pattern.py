"""Regular expressions of strings, as grammars of how JSON writes these. Knows nothing of schemas.

The subset that a grammar can follow: characters, `.`, classes, \\d \\w \\s and their opposites, groups, alternatives,
repetitions, `^` at the beginning and `$` at the end of the whole or of one of its alternatives. The classes are those
of ASCII, opposites included: an answer then fits in every dialect.
"""

import re
from collections.abc import Mapping

from oss_cli.grammar import characters
from oss_cli.grammar.characters import Ranges
from oss_cli.grammar.json_text import CHARACTER, string_character
from oss_cli.grammar.nodes import EMPTY, Node, choice, repeat, sequence

_ASCII = characters.ranges([(0, 0x7F)])
_DIGITS = characters.ranges([(0x30, 0x39)])
_WORD = characters.ranges([(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A), (0x5F, 0x5F)])
_WHITE = characters.of(" \t\n\r\f\v")
# Python takes four more control characters for white space.
_NOT_WHITE = characters.without(_ASCII, characters.ranges([*_WHITE, (0x1C, 0x1F)]))
_CLASSES = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _WHITE,
    "D": characters.without(_ASCII, _DIGITS),
    "W": characters.without(_ASCII, _WORD),
    "S": _NOT_WHITE,
}
_ALL_WHITE = characters.of(" \t\n\r\f\v\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff")
_ALL_WHITE = characters.ranges([*_ALL_WHITE, (0x2000, 0x200A)])
EXACT_CLASSES = {
    "d": _DIGITS,
    "w": _WORD,
    "s": _ALL_WHITE,
    "D": characters.inverted(_DIGITS),
    "W": characters.inverted(_WORD),
    "S": characters.inverted(_ALL_WHITE),
}
"""As ECMA 262 has them, for texts that are there already."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_NOT_LINE_END = characters.without(characters.EVERY, characters.of("\n\r\u2028\u2029"))
_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_BOUNDS = re.compile(r"\{(\d{1,6})(?:(,)(\d{1,6})?)?\}")
_DEEPEST_GROUP = 50
_ANYTHING = repeat(CHARACTER)


class NotSupported(Exception):
    """The pattern is no regular expression, or holds something that a grammar cannot follow; says what."""


def string_matching(pattern: str, classes: Mapping[str, Ranges] = _CLASSES) -> Node:
    """What may stand between the quotes of a string in which the pattern is found.

    classes: what a backslash and a letter stand for.

    Raises:
        NotSupported: as it says.
    """
    return _Pattern(pattern, classes).read()


class _Pattern:
    def __init__(self, source: str, classes: Mapping[str, Ranges]) -> None:
        self._source = source
        self._classes = classes
        self._at = 0
        self._depth = 0

    def read(self) -> Node:
        """All of it."""
        alternatives = []
        while True:
            before = EMPTY if self._take("^") else _ANYTHING
            middle = self._sequence()
            after = EMPTY if self._take("$") else _ANYTHING
            alternatives.append(sequence(before, middle, after))
            if self._at == len(self._source):
                return choice(alternatives)
            if not self._take("|"):
                raise NotSupported(self._unexpected())

    def _alternatives(self) -> Node:
        alternatives = [self._sequence()]
        while self._take("|"):
            alternatives.append(self._sequence())
        return choice(alternatives)

    def _sequence(self) -> Node:
        items = []
        while self._at < len(self._source) and self._source[self._at] not in "|)$":
            items.append(self._repeated(self._item()))
        return sequence(*items)

    def _repeated(self, item: Node) -> Node:
        sign = self._source[self._at : self._at + 1]
        bounds = _BOUNDS.match(self._source, self._at)
        if sign in _SIGNS:
            self._at += 1
            least, most = _SIGNS[sign]
        elif bounds is not None:
            self._at = bounds.end()
            least = int(bounds[1])
            most = least if not bounds[2] else int(bounds[3]) if bounds[3] else None
        else:
            return item
        if most is not None and most < least:
            raise NotSupported(f"the repetition {{{least},{most}}}")
        self._take("?")  # a lazy repetition finds the same strings
        if self._source[self._at : self._at + 1] in ("*", "+", "{"):
            raise NotSupported(self._unexpected())
        return repeat(item, least, most)

    def _item(self) -> Node:
        if self._take("("):
            return self._group()
        if self._take("["):
            return string_character(self._class())
        if self._take("."):
            return string_character(_NOT_LINE_END)
        if self._take("\\"):
            return string_character(self._escape())
        if self._source[self._at] in "^*+?":
            raise NotSupported(self._unexpected())
        return string_character(characters.of(self._next()))

    def _group(self) -> Node:
        if self._take("?") and not self._take(":"):
            raise NotSupported(f"the group (?{self._source[self._at : self._at + 1]}")
        self._depth += 1
        if self._depth > _DEEPEST_GROUP:
            raise NotSupported(f"more than {_DEEPEST_GROUP} groups inside each other")
        inside = self._alternatives()
        if not self._take(")"):
            raise NotSupported("$ inside a group" if self._take("$") else "a group without )")
        self._depth -= 1
        return inside

    def _class(self) -> Ranges:
        is_inverted = self._take("^")
        pairs: list[tuple[int, int]] = []
        while not self._take("]"):
            low = self._class_item()
            if len(low) != 1 or low[0][0] != low[0][1] or not self._starts_range():
                pairs += low
                continue
            self._at += 1
            high = self._class_item()
            if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                raise NotSupported("a range of characters that is none")
            pairs.append((low[0][0], high[0][0]))
        some = characters.ranges(pairs)
        some = characters.inverted(some) if is_inverted else some
        if not some:
            raise NotSupported("a class without characters")
        return some

    def _class_item(self) -> Ranges:
        return self._escape() if self._take("\\") else characters.of(self._next())

    def _starts_range(self) -> bool:
        return self._source[self._at : self._at + 1] == "-" and self._source[self._at + 1 : self._at + 2] != "]"

    def _escape(self) -> Ranges:
        sign = self._next()
        if sign in self._classes:
            return self._classes[sign]
        if sign in _ESCAPES:
            return characters.of(_ESCAPES[sign])
        if sign in "xu":
            digits = self._source[self._at : self._at + (2 if sign == "x" else 4)]
            if re.fullmatch(r"[0-9a-fA-F]{2}([0-9a-fA-F]{2})?", digits) and not 0xD800 <= int(digits, 16) <= 0xDFFF:
                self._at += len(digits)
                return characters.of(chr(int(digits, 16)))
        elif not sign.isalnum():
            return characters.of(sign)
        raise NotSupported(f"\\{sign}")

    def _next(self) -> str:
        if self._at >= len(self._source):
            raise NotSupported("a pattern that breaks off")
        self._at += 1
        return self._source[self._at - 1]

    def _take(self, sign: str) -> bool:
        found = self._source.startswith(sign, self._at)
        self._at += len(sign) if found else 0
        return found

    def _unexpected(self) -> str:
        return f"{self._source[self._at]} at character {self._at + 1}"
