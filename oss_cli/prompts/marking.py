"""Text that stays text: what users, tools and files say never becomes a control token of the prompt.

llama.cpp turns user-defined tokens (gpt-oss's `<|start|>` among them) into themselves even when it is told to parse no
special ones (its issue 17607, closed as wontfix). So a text is cut inside everything that looks like such a token, and
the parts are tokenized one by one. A cut after the leading punctuation is where gpt-oss's own tokenizer splits anyway:
the tokens are those of openai_harmony's `encode_ordinary`.

Knows nothing of messages and formats.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from os.path import commonprefix

from oss_cli.prompts.base import Vocabulary

# What openai_harmony takes for a marker whether the vocabulary has it or not: cut, to get the same tokens.
_MARKER = re.compile(r"<\|[a-z_0-9]+\|>")
# <|...|>, and with the wide bars that DeepSeek writes.
_MARKER_LIKE = re.compile(r"<[|｜].*[|｜]>", re.DOTALL)


def tokenize_text(vocabulary: Vocabulary, text: str) -> list[int]:
    """Token ids of a text, without any control token whatever the text says.

    Only user-defined tokens that do not look like `<|...|>` may come out: they are part of how a model reads text.
    """
    cuts = [match.start() + _first_cut(match[0]) for match in _MARKER.finditer(text)] if "<|" in text else []
    tokens = _tokenize_parts(vocabulary, text, cuts)
    names = {vocabulary.name(token) for token in set(tokens) if is_marker(vocabulary, token)}
    if names:
        tokens = _tokenize_parts(vocabulary, text, sorted({*cuts, *cut_offsets(text, names)}))
    return tokens


def is_marker(vocabulary: Vocabulary, token: int) -> bool:
    """Whether a token structures a conversation: control tokens, and user-defined ones written as `<|...|>`.

    Other user-defined tokens are text to the model (Gemma's runs of line feeds and HTML tags): to cut them would only
    make the text strange to it.
    """
    if vocabulary.is_control(token):
        return True
    return vocabulary.is_special(token) and _MARKER_LIKE.fullmatch(vocabulary.name(token)) is not None


def _tokenize_parts(vocabulary: Vocabulary, text: str, cuts: list[int]) -> list[int]:
    tokens: list[int] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if start < end:
            tokens += vocabulary.tokenize(text[start:end], parse_special=False)
    return tokens


def cut_offsets(text: str, names: Iterable[str]) -> list[int]:
    """Where to cut a text so that no part holds any of the names: ascending, each strictly inside the text.

    Every occurrence is cut, overlapping ones too: after its leading punctuation, else after its first character.
    Names of one character cannot be cut and are left alone. Takes time in proportion to the text, not to its square.
    """
    cuts: set[int] = set()
    for prefix, lengths, known in _by_prefix(frozenset(names)):
        for start in _occurrences(text, prefix):
            found = (text[start : start + length] for length in lengths)
            cuts.update(start + _first_cut(name) for name in found if name in known)
    return sorted(cuts)


@lru_cache(maxsize=8)  # some vocabularies reserve thousands of names
def _by_prefix(names: frozenset[str]) -> list[tuple[str, list[int], set[str]]]:
    """The names grouped by their first two characters: what the group begins with, its lengths, its names."""
    groups: dict[str, set[str]] = {}
    for name in names:
        if len(name) > 1:
            groups.setdefault(name[:2], set()).add(name)
    return [(commonprefix(sorted(group)), sorted({len(name) for name in group}), group) for group in groups.values()]


def _occurrences(text: str, prefix: str) -> Iterator[int]:
    start = text.find(prefix)
    while start >= 0:
        yield start
        start = text.find(prefix, start + 1)


def _first_cut(name: str) -> int:
    """How many characters of a name stand before its cut: at least one, and not all."""
    run = next((i for i, character in enumerate(name) if character.isalnum() or character.isspace()), 0)
    return run if run > 0 else 1
