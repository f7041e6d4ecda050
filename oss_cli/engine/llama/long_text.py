"""Where a long text may be cut before it is tokenised. Knows no vocabulary.

llama.cpp splits texts with a regular expression that recurses once for each character of a run (std::regex): 30,000
letters without a break overflow an 8 MB stack and end the process. And one call on megabytes cannot be interrupted.
So long texts go to it in parts: cut at the end of a word that a space and another word follow, where every tokenizer of
our models cuts by itself, and inside a run only if the run is longer than any word is.
"""

import re

MOST_CHARACTERS = 100_000
"""Of a part that is cut at a word's end; takes about 0.1 s."""
MOST_UNBROKEN = 2000
"""Characters without a change between space and text that are tokenised in one go; a tenth of what overflows."""

_LONG_RUN = re.compile(rf"\S{{{MOST_UNBROKEN + 1},}}|\s{{{MOST_UNBROKEN + 1},}}")
_WORD_END = re.compile(r"(?<=\w)(?= \w)")
_MARKER_CHARACTERS = frozenset("<>[]|{}")
_MARKER_LENGTH = 64  # longer than any control token's name


def split_long_text(text: str) -> list[str]:
    """The text in parts, none of which is dangerous to tokenise."""
    if len(text) <= MOST_UNBROKEN:
        return [text]
    parts: list[str] = []
    start = 0
    for run in _LONG_RUN.finditer(text):
        parts += _split_words(text[start : run.start()])
        parts += _split_run(run[0])
        start = run.end()
    return [part for part in [*parts, *_split_words(text[start:])] if part]


def _split_words(text: str) -> list[str]:
    parts = []
    start = 0
    while len(text) - start > MOST_CHARACTERS:
        end = _WORD_END.search(text, start + MOST_CHARACTERS)
        if end is None:
            break
        parts.append(text[start : end.start()])
        start = end.start()
    return [*parts, text[start:]]


def _split_run(run: str) -> list[str]:
    parts = []
    start = 0
    while len(run) - start > MOST_UNBROKEN:
        cut = start + _cut_before_mark(run[start : start + MOST_UNBROKEN + _MARKER_LENGTH])
        parts.append(run[start:cut])
        start = cut
    return [*parts, run[start:]]


def _cut_before_mark(run: str) -> int:
    """Where to cut: after a letter that no letter follows, if there is one, and away from what may be a marker."""
    fallback = MOST_UNBROKEN
    for cut in range(MOST_UNBROKEN, MOST_UNBROKEN // 2, -1):
        if _MARKER_CHARACTERS.isdisjoint(run[max(0, cut - _MARKER_LENGTH) : cut + _MARKER_LENGTH]):
            if run[cut - 1].isalnum() and not run[cut].isalnum() and run[cut] not in "'\u2019":
                return cut
            fallback = cut if fallback == MOST_UNBROKEN else fallback
    return fallback
