"""A prompt's text, tokenised in pieces that are kept: a conversation that goes on has only its new pieces to tokenise.

A piece begins at a control token's name, where a tokenizer cuts anyway: the tokens are those of the whole text. Knows
neither messages nor templates.
"""

import re
from collections.abc import Callable, Collection, Sequence
from functools import cached_property

from oss_cli.prompts.base import Vocabulary
from oss_cli.prompts.remembered import Remembered

_WORTH_CHARACTERS = 4000
"""A shorter text is tokenised as it is, in 5 ms: to read all control tokens' names may take 80 ms, once."""


class PieceTokenizer:
    """Tokenises texts in which names of control tokens become these tokens."""

    def __init__(self, vocabulary: Vocabulary, is_candidate: Callable[[str], bool]) -> None:
        """is_candidate: whether a control token of this name may well stand between pieces."""
        self._vocabulary = vocabulary
        self._is_candidate = is_candidate
        self._tokens_of = Remembered(self._tokenize_piece)

    def tokenize(self, parts: Sequence[str]) -> list[int]:
        """The tokens of a text that is cut into these parts whatever they say."""
        if sum(map(len, parts)) < _WORTH_CHARACTERS:
            return [token for part in parts for token in self._vocabulary.tokenize(part, parse_special=True)]
        return [token for part in parts for piece in self._split(part) for token in self._tokens_of(piece)]

    def _split(self, part: str) -> list[str]:
        if self._starts is None:
            return [part]
        cuts = [match.start() for match in self._starts.finditer(part)]
        return [part[start:end] for start, end in zip([0, *cuts], [*cuts, len(part)], strict=True)]

    def _tokenize_piece(self, piece: str) -> tuple[int, ...]:
        return tuple(self._vocabulary.tokenize(piece, parse_special=True))

    @cached_property
    def _starts(self) -> re.Pattern[str] | None:
        """Matches where a piece begins; None: nowhere that is safe."""
        names = self._vocabulary.special_names()
        safe = [
            name
            for name, token in names.items()
            if self._vocabulary.is_control(token)
            and self._is_candidate(name)
            and not _is_ambiguous(name, names)
            and self._is_a_cut(name)
        ]
        return re.compile("|".join(map(re.escape, safe))) if safe else None

    def _is_a_cut(self, name: str) -> bool:
        """Whether text before a token is what it is without it; some tokens swallow the space before them."""

        def tokenize(text: str) -> list[int]:
            return self._vocabulary.tokenize(text, parse_special=True)

        return all(
            tokenize(before + name + "b c") == tokenize(before) + tokenize(name + "b c")
            for before in ("a", "a ", "a\n", "a \n\n ")
        )


def _is_ambiguous(name: str, names: Collection[str]) -> bool:
    """Whether a name may stand in a text and be (part of) another token: inside its name, or overlapping its end."""
    first = name[:1]
    if not first or first.isspace():
        return True
    for other in names:
        if other == name or first not in other:
            continue
        if name in other or any(name.startswith(other[start:]) for start in range(1, len(other))):
            return True
    return False
