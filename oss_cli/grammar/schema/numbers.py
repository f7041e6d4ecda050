"""Numbers within bounds, as grammars of their digits. Knows nothing of schemas.

Numbers are written without exponent here: with one, the digits alone do not tell how large they are.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from oss_cli.grammar.json_text import DIGIT, MOST_DIGITS, MOST_PLACES
from oss_cli.grammar.nodes import EMPTY, NOTHING, ByteSet, Node, choice, optional, repeat, sequence, text


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range."""

    value: Decimal
    is_open: bool = False
    """Whether the value itself lies outside."""


def integer_between(low: Bound | None, high: Bound | None) -> Node:
    """A whole number from the one to the other; None: no bound."""
    least = None if low is None else floor(low.value) + 1 if low.is_open else ceil(low.value)
    most = None if high is None else ceil(high.value) - 1 if high.is_open else floor(high.value)
    if least is not None and most is not None and least > most:
        return NOTHING
    positive = _natural(max(0, least or 0), most) if most is None or most >= 0 else NOTHING
    highest = None if least is None else -least
    negative = _natural(max(1, -(-1 if most is None else most)), highest) if least is None or least < 0 else NOTHING
    return choice([positive, sequence("-", negative)])


def number_between(low: Bound | None, high: Bound | None, *, places: int = MOST_PLACES) -> Node:
    """A number from the one to the other, with at most so many digits after the point."""
    zero = Bound(Decimal(0))
    if low is not None and high is not None and low.value > high.value:
        return NOTHING
    positive = NOTHING
    if high is None or high.value >= 0:
        positive = _magnitude(zero if low is None or low.value < 0 else low, high, places)
    negative = NOTHING
    if low is None or low.value < 0:
        least = Bound(Decimal(0), is_open=True) if high is None or high.value >= 0 else _negated(high)
        negative = _magnitude(least, None if low is None else _negated(low), places)
    return choice([positive, sequence("-", negative)])


def _negated(bound: Bound) -> Bound:
    return Bound(-bound.value, bound.is_open)


def _natural(least: int, most: int | None) -> Node:
    """A whole number that is not negative."""
    highest = max(10**MOST_DIGITS - 1, least * 10) if most is None else most
    parts = []
    for length in range(len(str(least)), len(str(highest)) + 1):
        start = max(least, 10 ** (length - 1) if length > 1 else 0)
        end = min(highest, 10**length - 1)
        if start <= end:
            parts.append(_digits_between(str(start), str(end)))
    return choice(parts)


def _digits_between(low: str, high: str) -> Node:
    """Every text of digits between two of the same length."""
    if low == high:
        return text(low)
    if low[0] == high[0]:
        return sequence(low[0], _digits_between(low[1:], high[1:]))
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    before, after = NOTHING, NOTHING
    if low[1:] != "0" * rest:
        before = sequence(low[0], _digits_between(low[1:], "9" * rest))
        first += 1
    if high[1:] != "9" * rest:
        after = sequence(high[0], _digits_between("0" * rest, high[1:]))
        last -= 1
    middle = sequence(_digit(first, last), repeat(DIGIT, rest, rest)) if first <= last else NOTHING
    return choice([before, middle, after])


def _digit(first: int, last: int) -> Node:
    if first > last:
        return NOTHING
    return ByteSet(sum(1 << (0x30 + digit) for digit in range(first, last + 1)))


def _magnitude(low: Bound, high: Bound | None, places: int) -> Node:
    """A number that is not negative; `low` is not negative either."""
    low_whole, low_places = _split(low.value)
    above = sequence(text(str(low_whole)), _at_least(low_places, places, is_open=low.is_open))
    if high is None:
        return choice([above, sequence(_natural(low_whole + 1, None), _any_places(places))])
    high_whole, high_places = _split(high.value)
    if low_whole == high_whole:
        return sequence(text(str(low_whole)), _between(low, high, places))
    parts = [above, sequence(text(str(high_whole)), _at_most(high_places, places, is_open=high.is_open))]
    if low_whole + 1 < high_whole:
        parts.append(sequence(_natural(low_whole + 1, high_whole - 1), _any_places(places)))
    return choice(parts)


def _split(value: Decimal) -> tuple[int, str]:
    """The whole part, and the digits after the point without zeros at their end."""
    whole, _, places = f"{value:f}".partition(".")
    return int(whole), places.rstrip("0")


def _any_places(room: int) -> Node:
    return optional(sequence(".", repeat(DIGIT, 1, room))) if room else EMPTY


def _at_least(low: str, room: int, *, is_open: bool) -> Node:
    """The point and the digits after it, no less than `low`; nothing at all stands for zero."""
    if not low and not is_open:
        return _any_places(room)
    return sequence(".", _digits_at_least(low, room, is_open=is_open))


def _digits_at_least(low: str, room: int, *, is_open: bool) -> Node:
    """Digits of which those of `low` were not the beginning so far, or were: no less than it."""
    if not low:
        if not is_open:
            return repeat(DIGIT, 0, room)
        zeros = [sequence("0" * count, _digit(1, 9), repeat(DIGIT, 0, room - count - 1)) for count in range(room)]
        return choice(zeros)
    if room <= 0:
        return NOTHING
    first = int(low[0])
    greater = sequence(_digit(first + 1, 9), repeat(DIGIT, 0, room - 1))
    return choice([greater, sequence(low[0], _digits_at_least(low[1:], room - 1, is_open=is_open))])


def _at_most(high: str, room: int, *, is_open: bool) -> Node:
    """The point and the digits after it, no more than `high`; nothing at all stands for zero."""
    if not high:
        return NOTHING if is_open else optional(sequence(".", repeat(text("0"), 1, room))) if room else EMPTY
    return choice([EMPTY, sequence(".", _some_digits_at_most(high, room, is_open=is_open))])


def _some_digits_at_most(high: str, room: int, *, is_open: bool) -> Node:
    """Digits, at least one, that are no more than those of `high`."""
    if room <= 0:
        return NOTHING
    smaller = sequence(_digit(0, int(high[0]) - 1), repeat(DIGIT, 0, room - 1))
    return choice([smaller, sequence(high[0], _digits_at_most(high[1:], room - 1, is_open=is_open))])


def _digits_at_most(high: str, room: int, *, is_open: bool) -> Node:
    """What may follow when all digits so far were those of the bound; `high` has no zero at its end."""
    if not high:
        return NOTHING if is_open else repeat(text("0"), 0, room)
    return choice([EMPTY, _some_digits_at_most(high, room, is_open=is_open)])


def _between(low: Bound, high: Bound, room: int) -> Node:
    """The point and the digits after it between two bounds with the same whole part."""
    low_digits, high_digits = _split(low.value)[1], _split(high.value)[1]
    length = max(len(low_digits), len(high_digits))
    whole = EMPTY if not low_digits and not low.is_open and (high_digits or not high.is_open) else NOTHING
    if not length:
        return NOTHING if whole is NOTHING else _at_most("", room, is_open=high.is_open)
    inside = _digits_inside(low_digits.ljust(length, "0"), high_digits.ljust(length, "0"), room, low, high)
    return choice([whole, sequence(".", inside)])


def _digits_inside(low: str, high: str, room: int, low_bound: Bound, high_bound: Bound) -> Node:
    """Digits between two of the same length; the bounds say whether these themselves lie outside."""
    if not low:
        return NOTHING if low_bound.is_open or high_bound.is_open else repeat(text("0"), 0, room)
    if room <= 0 or low > high:
        return NOTHING
    if low[0] == high[0]:
        return sequence(low[0], _digits_inside(low[1:], high[1:], room - 1, low_bound, high_bound))
    above = _digits_at_least(low[1:].rstrip("0"), room - 1, is_open=low_bound.is_open)
    below = _digits_at_most(high[1:].rstrip("0"), room - 1, is_open=high_bound.is_open)
    middle = sequence(_digit(int(low[0]) + 1, int(high[0]) - 1), repeat(DIGIT, 0, room - 1))
    return choice([sequence(low[0], above), middle, sequence(high[0], below)])
