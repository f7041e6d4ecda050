"""Sets of characters, and the bytes that UTF-8 writes them as. Knows nothing of where the sets come from."""

from collections.abc import Iterable
from functools import lru_cache

from oss_cli.grammar.nodes import ByteSet, Node, choice, sequence, unit

Ranges = tuple[tuple[int, int], ...]
"""Code points from the first to the last of each pair, in order, without overlap; never a surrogate."""

_SURROGATES = (0xD800, 0xDFFF)
_LAST = 0x10FFFF
# Where UTF-8 needs one byte more.
_WIDTHS = ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, _LAST))


def ranges(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """A set out of pairs in any order; surrogates, which are no characters, are left out."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for pair in pairs if pair[0] <= pair[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    low_end, high_start = _SURROGATES[0] - 1, _SURROGATES[1] + 1
    cut = [part for low, high in merged for part in ((low, min(high, low_end)), (max(low, high_start), high))]
    return tuple((low, high) for low, high in cut if low <= high)


def of(characters: str) -> Ranges:
    """The set of these characters."""
    return ranges((ord(character), ord(character)) for character in characters)


def inverted(some: Ranges) -> Ranges:
    """Every other character."""
    gaps, start = [], 0
    for low, high in some:
        gaps.append((start, low - 1))
        start = high + 1
    return ranges([*gaps, (start, _LAST)])


def without(some: Ranges, others: Ranges) -> Ranges:
    """The characters of the first set that are not in the second."""
    return inverted(ranges([*inverted(some), *others]))


def holds(some: Ranges, character: str) -> bool:
    """Whether a character is in a set."""
    return any(low <= ord(character) <= high for low, high in some)


EVERY: Ranges = ranges([(0, _LAST)])


@lru_cache(maxsize=1024)
def character_of(some: Ranges) -> Node:
    """One character of a set, as bytes."""
    return unit(bytes_of(some))


def bytes_of(some: Ranges) -> Node:
    """The same as a part of something that is a unit itself."""
    mask = 0
    longer: list[Node] = []
    for low, high in some:
        for first, last in _WIDTHS:
            start, end = max(low, first), min(high, last)
            if start > end:
                continue
            if last == 0x7F:
                mask |= _mask(start, end)
            else:
                longer += [_bytes_between(part) for part in _split(chr(start).encode(), chr(end).encode())]
    return choice([*([ByteSet(mask)] if mask else []), *longer])


def _split(low: bytes, high: bytes) -> list[list[tuple[int, int]]]:
    """Ranges of bytes, side by side, that hold every encoding from `low` to `high`, both of one length.

    Such a range is one where all bytes after the first that differs run from 0x80 to 0xBF.
    """
    if len(low) == 1:
        return [[(low[0], high[0])]]
    if low[0] == high[0]:
        return [[(low[0], low[0]), *rest] for rest in _split(low[1:], high[1:])]
    rest_low, rest_high = b"\x80" * (len(low) - 1), b"\xbf" * (len(low) - 1)
    parts, first, last = [], low[0], high[0]
    if low[1:] != rest_low:
        parts += [[(first, first), *rest] for rest in _split(low[1:], rest_high)]
        first += 1
    after = []
    if high[1:] != rest_high:
        after = [[(last, last), *rest] for rest in _split(rest_low, high[1:])]
        last -= 1
    if first <= last:
        parts.append([(first, last), *[(0x80, 0xBF)] * (len(low) - 1)])
    return parts + after


def _bytes_between(pairs: list[tuple[int, int]]) -> Node:
    return sequence(*(ByteSet(_mask(low, high)) for low, high in pairs))


def _mask(low: int, high: int) -> int:
    return (1 << (high + 1)) - (1 << low)
