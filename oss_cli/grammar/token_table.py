"""Every token of a vocabulary as its bytes, and which of them a grammar allows at a place. Knows nothing of models.

Looking through all of gpt-oss's 201,088 tokens takes some hundredths of a second, so the answers are kept.
It is asked for only when none of the likely tokens is allowed.
"""

from array import array
from collections.abc import Iterable

from oss_cli.grammar.automaton import State

_FIRST_OF_TWO, _FIRST_OF_THREE, _FIRST_OF_FOUR, _LAST_FIRST = 0xC2, 0xE0, 0xF0, 0xF4
_USUAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
"""Inside a text of any length these lead back to where they began: there, tokens are told apart by the rest."""
_MOST_KEPT = 100
"""States whose tokens are kept: up to 0.8 MB each on gpt-oss's vocabulary."""

_Token = tuple[int, bytes]


class TokenTable:
    """The tokens by their first byte, and by the unusual signs in them; those without bytes are left out."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """pieces: the bytes of each token, in the order of their ids."""
        self._by_first: dict[int, list[_Token]] = {}
        self._by_signs: dict[tuple[bool, bytes], list[_Token]] = {}
        """Whether they hold characters beyond ASCII, and their unusual signs; made when a text is first looked at."""
        self._kept: dict[State, array[int]] = {}
        """What was found, the last used at the end."""
        self._broken: list[_Token] = []
        """Those with half a character."""
        for token, piece in enumerate(pieces):
            if piece:
                self._by_first.setdefault(piece[0], []).append((token, piece))

    def allowed(self, state: State) -> "array[int]":
        """The tokens that may come next."""
        kept = self._kept.pop(state, None)
        if kept is None:
            is_text = all(state.after((byte,)) is state for byte in _USUAL)
            kept = array("i", self._in_text(state) if is_text else self._anywhere(state))
        self._kept[state] = kept
        if len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept

    def _anywhere(self, state: State) -> list[int]:
        allowed: list[int] = []
        for first, tokens in self._by_first.items():
            following = state.after((first,))
            if following is not None:
                allowed += [token for token, piece in tokens if following.after(piece[1:]) is not None]
        return allowed

    def _in_text(self, state: State) -> list[int]:
        """Inside a text of any length most tokens lead back to its state: whole groups are allowed at once."""
        if not self._by_signs:
            self._read_signs()
        loop = bytes(byte for byte in range(0x80) if state.after((byte,)) is state)
        takes_others = _loops_beyond_ascii(state)
        allowed = [token for token, piece in self._broken if state.after(piece) is not None]
        for (has_others, signs), tokens in self._by_signs.items():
            if not signs.translate(None, loop) and (takes_others or not has_others):
                allowed += [token for token, _ in tokens]
            else:
                allowed += [token for token, piece in tokens if state.after(piece.lstrip(loop)) is not None]
        return allowed

    def _read_signs(self) -> None:
        for token, piece in (one for tokens in self._by_first.values() for one in tokens):
            signs = piece.translate(None, _USUAL)
            has_others = not signs.isascii()
            if has_others:
                try:
                    signs = signs.decode().encode("ascii", "ignore")
                except UnicodeDecodeError:
                    self._broken.append((token, piece))
                    continue
            self._by_signs.setdefault((has_others, signs), []).append((token, piece))


def _loops_beyond_ascii(state: State) -> bool:
    """Whether every character beyond ASCII leads back to this state."""
    return all(_completes(state, state, first) for first in range(_FIRST_OF_TWO, _LAST_FIRST + 1))


def _completes(home: State, state: State, first: int) -> bool:
    """Whether this first byte of a character, and every way to complete it, lead home."""
    opened = state.after((first,))
    width = 1 if first < _FIRST_OF_THREE else 2 if first < _FIRST_OF_FOUR else 3
    # Source: RFC 3629, section 4: the second byte's limits keep surrogates and overlong forms out.
    low = {0xE0: 0xA0, 0xF0: 0x90}.get(first, 0x80)
    high = {0xED: 0x9F, 0xF4: 0x8F}.get(first, 0xBF)
    level = {opened}
    for _ in range(width):
        if None in level:
            return False
        level = {one.after((byte,)) for one in level if one is not None for byte in range(low, high + 1)}
        low, high = 0x80, 0xBF
    return level == {home}
