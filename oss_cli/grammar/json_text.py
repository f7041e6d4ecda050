"""How JSON is written, as parts of a grammar: compact, or with one space where people put one; never a raw control
character in a string. Knows nothing of schemas.

White space is limited because a grammar that allows any amount lets a small model write it for ever.
"""

from collections.abc import Sequence

from oss_cli.grammar import characters
from oss_cli.grammar.characters import Ranges, bytes_of, character_of
from oss_cli.grammar.nodes import EMPTY, Node, Rule, choice, optional, repeat, sequence, text, unit

SPACE = optional(text(" "))
COMMA = sequence(",", SPACE)
COLON = sequence(":", SPACE)
DIGIT = character_of(characters.ranges([(0x30, 0x39)]))
_NON_ZERO = character_of(characters.ranges([(0x31, 0x39)]))
MOST_DIGITS = 18
"""Of a whole number without bounds: all that a signed 64-bit number is sure to hold."""
MOST_PLACES = 15
"""Digits after the point: what a double is sure to hold."""
WHOLE_PART = choice([text("0"), sequence(_NON_ZERO, repeat(DIGIT, 0, MOST_DIGITS - 1))])
INTEGER = sequence(optional(text("-")), WHOLE_PART)
NUMBER = sequence(
    INTEGER,
    optional(sequence(".", repeat(DIGIT, 1, MOST_PLACES))),
    optional(
        sequence(character_of(characters.of("eE")), optional(character_of(characters.of("+-"))), repeat(DIGIT, 1, 2))
    ),
)
BOOLEAN = choice([text("true"), text("false")])
NULL = text("null")

_CONTROLS = characters.ranges([(0, 0x1F)])
_ESCAPED = characters.ranges([*_CONTROLS, *characters.of('"\\')])
_SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_HEX = character_of(characters.of("0123456789abcdefABCDEF"))


def string_character(some: Ranges) -> Node:
    """A character of this set as it stands inside a string: itself, or escaped where it has to be."""
    written: list[Node] = []
    plain = characters.without(some, _ESCAPED)
    if plain:
        written.append(bytes_of(plain))
    for code in (code for low, high in _ESCAPED for code in range(low, high + 1)):
        character = chr(code)
        if characters.holds(some, character):
            short = _SHORT.get(character)
            written.append(text(f"\\{short}" if short else f"\\u{code:04x}"))
    return unit(choice(written))


def _any_character() -> Node:
    """Every character, in every way that it may be written; half of a surrogate pair alone is none."""
    high, low = characters.of("89abAB"), characters.of("cdefCDEF")
    below = sequence(character_of(characters.of("0123456789abcefABCEF")), _HEX, _HEX, _HEX)
    before_surrogates = sequence(character_of(characters.of("dD")), character_of(characters.of("01234567")), _HEX, _HEX)
    lead = sequence(character_of(characters.of("dD")), character_of(high), _HEX, _HEX)
    trail = sequence("\\u", character_of(characters.of("dD")), character_of(low), _HEX, _HEX)
    code = choice([below, before_surrogates, sequence(lead, trail)])
    escape = choice([character_of(characters.of('"\\/bfnrt')), sequence("u", code)])
    plain = bytes_of(characters.without(characters.EVERY, _ESCAPED))
    return unit(choice([plain, sequence("\\", escape)]))


CHARACTER = _any_character()


def string(least: int = 0, most: int | None = None) -> Node:
    """Any string of so many characters."""
    return sequence('"', repeat(CHARACTER, least, most), '"')


STRING = string()


def listed(item: Node, least: int = 0, most: int | None = None, *, has_previous: bool = False) -> Node:
    """So many items with commas between them. has_previous: an item stands before them."""
    following = sequence(COMMA, item)
    if has_previous:
        return repeat(following, least, most)
    if most == 0:
        return EMPTY if least == 0 else choice([])
    some = sequence(item, repeat(following, max(0, least - 1), None if most is None else most - 1))
    return some if least > 0 else optional(some)


def entry(key: Node, value: Node) -> Node:
    """A key and its value."""
    return sequence(key, COLON, value)


def braced(inside: Node) -> Node:
    """An object with these entries."""
    return sequence("{", SPACE, inside, SPACE, "}")


def bracketed(inside: Node) -> Node:
    """An array with these items."""
    return sequence("[", SPACE, inside, SPACE, "]")


def _any_value() -> tuple[Node, Node, Node]:
    value = Rule("value")
    mapping = braced(listed(entry(STRING, value)))
    array = bracketed(listed(value))
    value.body = choice([mapping, array, STRING, NUMBER, BOOLEAN, NULL])
    return value, mapping, array


VALUE, OBJECT, ARRAY = _any_value()
"""Anything, any object, any array."""


def one_of_texts(texts: Sequence[str]) -> Node:
    """One of many texts; what they have in common at their beginning is in the grammar once."""
    return _branches(sorted(set(texts)), 0)


_DEEPEST_BRANCH = 100  # texts that differ in so many places are listed one by one


def _branches(texts: Sequence[str], depth: int) -> Node:
    """texts: sorted, each once."""
    if len(texts) <= 1 or depth == _DEEPEST_BRANCH:
        return choice(text(one) for one in texts)
    groups: dict[str, list[str]] = {}
    for one in texts:
        groups.setdefault(one[:1], []).append(one)
    branches = []
    for group in groups.values():
        common = _common_beginning(group[0], group[-1])
        rest = [one[len(common) :] for one in group]
        branches.append(sequence(common, _branches(rest, depth + 1)) if common else EMPTY)
    return choice(branches)


def _common_beginning(first: str, last: str) -> str:
    """What two texts, and all that are sorted between them, begin with."""
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]
