"""How many cells of a terminal a text takes. Knows nothing of styles and lines.

Terminals disagree: about emoji that are joined, about variation selectors, about letters that are newer than their
tables. So there are two answers, the fewest and the most cells; where they differ, nothing may depend on one of them.
"""

import unicodedata
from functools import lru_cache

JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"


def fewest_and_most_cells(text: str) -> tuple[int, int]:
    """The cells that a line of text takes, without control characters."""
    if text.isascii():
        return len(text), len(text)
    fewest = most = 0
    previous = ""
    for character in text:
        low, high = cell_range(character)
        fewest += 0 if previous == JOINER else low
        most += high
        previous = character
    return fewest, most


def cell_count(text: str) -> int:
    """The most cells that a line of text takes."""
    return fewest_and_most_cells(text)[1]


def cut_to_cells(text: str, cells: int) -> str:
    """A line of text that takes at most so many cells; where something is missing it ends in an ellipsis."""
    if cell_count(text) <= cells:
        return text
    while text and cell_count(text) > cells - 1:
        text = text[:-1]
    return text + "…"


@lru_cache(maxsize=4096)
def cell_range(character: str) -> tuple[int, int]:
    """The fewest and the most cells that one character takes behind others."""
    code = ord(character)
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf") and character != _EMOJI_STYLE:
        return 0, 0
    # Vowels and finals of Hangul stand below an initial.
    if character == _EMOJI_STYLE or category == "Mc" or 0x1160 <= code <= 0x11FF:
        return 0, 1
    if 0x1F3FB <= code <= 0x1F3FF:  # a skin colour melts into the emoji before it
        return 0, 2
    if 0x1F1E6 <= code <= 0x1F1FF or category == "Cn":  # halves of flags, and what Python's tables are too old for
        return 1, 2
    return (2, 2) if is_wide(character) else (1, 1)


def is_wide(character: str) -> bool:
    """Whether it is an ideograph or the like, between which a line may be broken."""
    return not character.isascii() and unicodedata.east_asian_width(character) in "WF"
