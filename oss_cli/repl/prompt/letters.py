"""Letters that people see as one though they are several characters. Knows no keys."""

import unicodedata

_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)


def last_letter_length(text: str) -> int:
    """How many characters the last letter of a text has: accents, skin tones, joined emoji and flags belong together.

    An approximation of Unicode's grapheme clusters (UAX #29), good enough for Backspace.
    """
    length = 1
    while length < len(text) and (_joins(text[-length]) or text[-length - 1] == _JOINER):
        length += 1
    if length == 1 and len(text) > 1 and _flag_letters_at_end(text) % 2 == 0 and ord(text[-1]) in _FLAG_LETTERS:
        return 2
    return min(length, len(text))


def _joins(character: str) -> bool:
    return (
        character == _JOINER
        or ord(character) in _SKIN_TONES
        or unicodedata.category(character) in ("Mn", "Me")  # accents, and the variation selectors of emoji
    )


def _flag_letters_at_end(text: str) -> int:
    return next((n for n, character in enumerate(reversed(text)) if ord(character) not in _FLAG_LETTERS), len(text))
