"""Marks inside a text where it must be cut before it is tokenised, so that no marker in it becomes a control token.

A template writes its own markers and the users' texts into one string; only the marks tell them apart afterwards.
"""

from collections.abc import Callable, Iterable

from oss_cli.prompts.base import Vocabulary
from oss_cli.prompts.marking import cut_offsets

_USUAL_MARK = "\ufdd0"


def mark_text(vocabulary: Vocabulary, text: str, mark: str, is_unwanted: Callable[[int], bool]) -> str:
    """The text with a mark inside every unwanted token's name; where there is none, the text itself.

    Every `<|` gets one, name or not: a template may put two texts side by side, or change their letters.
    """
    for opening in ("<|", "<｜"):
        text = text.replace(opening, opening + mark)
    while True:
        parts = text.split(mark)
        tokens = {token for part in parts for token in vocabulary.tokenize(part, parse_special=True)}
        names = {vocabulary.name(token) for token in tokens if is_unwanted(token)}
        offsets = cut_offsets(text, names) if names else []
        if not offsets:
            return text
        edges = [0, *offsets, len(text)]
        text = mark.join(text[start:end] for start, end in zip(edges, edges[1:], strict=False))


def unused_character(texts: Iterable[str]) -> str:
    """A character that stands in none of the texts, to be the mark: a Unicode noncharacter, if they leave one."""
    texts = list(texts)
    if not any(_USUAL_MARK in text for text in texts):  # 20 times as fast as to know every character
        return _USUAL_MARK
    used = set().union(*texts)
    return next(mark for mark in map(chr, range(ord(_USUAL_MARK), 0x110000)) if mark not in used)
