"""The tokens of a text that has to come: where a grammar leaves no choice, nobody need ask the model.

They are those that the model would have written. Its tokenizer is asked for them, and the last ones are left to the
model where they might become one token with what follows: after `name":`, `":` is left, because of `":"` and `": `.
Knows nothing of models; the vocabulary comes in as functions.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile

from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import State
from oss_cli.grammar.token_table import TokenTable

_LONGEST_TEXT = 256
"""Bytes that are looked at together; what is certain beyond them is found after them."""
_MOST_KEPT = 256
"""Places whose tokens are kept; with them their grammars."""


class CertainTokens:
    """For the texts of one vocabulary."""

    def __init__(
        self, table: Callable[[], TokenTable], tokenize: Callable[[str], list[int]], piece: Callable[[int], bytes]
    ) -> None:
        """table: asked for only where a text is certain. tokenize: gives no tokens for a text that it cannot keep."""
        self._table = table
        self._tokenize = tokenize
        self._piece = piece
        self._kept: dict[State, tuple[int, ...]] = {}

    def after(self, state: State) -> tuple[int, ...]:
        """The tokens that come next, if any are certain."""
        if not state.certain_text(1):
            return ()
        table = self._table()
        state = table.typical(state, _LONGEST_TEXT)
        kept = self._kept.get(state)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            try:
                kept = self._find(state, table)
            except BadUsage:  # too many readings of a text that may never come
                kept = ()
            self._kept[state] = kept
        return kept

    def _find(self, state: State, table: TokenTable) -> tuple[int, ...]:
        """What all the ways have in common in which a token may reach from the text into what follows.

        Where a tokenizer that merges pairs (BPE) cuts, it has merged what stands before as if nothing followed.
        """
        text = _whole_characters(state.certain_text(_LONGEST_TEXT))
        data = text.encode()
        end = state.after(data)
        assert end is not None, "it is certain"
        common = self._tokens_of(text)
        for start in range(len(data) - 1, -1, -1):
            if not common:
                break
            if table.may_join(data[start:], end):
                common = _in_common(common, self._tokens_of(data[:start].decode(errors="ignore")))
        return common

    def _tokens_of(self, text: str) -> tuple[int, ...]:
        tokens = tuple(self._tokenize(text))  # some vocabularies lack a byte, and then it is left out
        return tokens if b"".join(map(self._piece, tokens)) == text.encode() else ()


def _whole_characters(data: bytes) -> str:
    """The text without half a character at its end; nothing if it begins within one."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return data[: error.start].decode()


def _in_common(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    pairs = zip(one, other, strict=False)
    return tuple(token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
