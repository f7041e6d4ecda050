"""Every token of a vocabulary as its bytes, and which of them a grammar allows at a place. Knows nothing of models.

Looking through all of gpt-oss's 201,088 tokens takes some hundredths of a second, so the answers are kept.
It is asked for only when none of the likely tokens is allowed, and where a text is certain.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from oss_cli.grammar.automaton import REACH, State

_FIRST_OF_TWO, _FIRST_OF_THREE, _FIRST_OF_FOUR, _LAST_FIRST = 0xC2, 0xE0, 0xF0, 0xF4
_USUAL = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
"""Inside a text of any length these lead back to where they began: there, tokens are told apart by the rest."""
_MOST_KEPT = 100
"""States whose tokens are kept: up to 0.8 MB each on gpt-oss's vocabulary."""
_FEW_BYTES = 16
_FEW_PIECES = 64
"""Tokens are found by each byte that may come next where these are few, or where there are so many tokens for each: to
find the place of some in the order costs as much as trying a few.
"""

_Token = tuple[int, bytes]


class TokenTable:
    """The tokens by their beginnings, and by the unusual signs in them; those without bytes are left out."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """pieces: the bytes of each token, in the order of their ids."""
        self._by_signs: dict[tuple[bool, bytes], list[_Token]] = {}
        """Whether they hold characters beyond ASCII, and their unusual signs; made when a text is first looked at."""
        self._kept: dict[State, array[int]] = {}
        """What was found, the last used at the end."""
        self._broken: list[_Token] = []
        """Those with half a character."""
        by_id = list(pieces)
        with_bytes = (token for token, piece in enumerate(by_id) if piece)
        self._tokens = array("i", sorted(with_bytes, key=by_id.__getitem__))
        """In the order of their bytes: those that begin alike stand together."""
        self._pieces = [by_id[token] for token in self._tokens]
        """Their bytes."""
        self._longest = max(map(len, by_id), default=0)

    def allowed(self, state: State) -> "array[int]":
        """The tokens that may come next."""
        state = self.typical(state)
        kept = self._kept.pop(state, None)
        if kept is None:
            is_text = all(state.after((byte,)) is state for byte in _USUAL)
            kept = array("i", self._in_text(state) if is_text else self._anywhere(state))
        self._kept[state] = kept
        if len(self._kept) > _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept

    def typical(self, state: State, further: int = 0) -> State:
        """A state in whose place this one may stand as far as one token reaches, and so many bytes more."""
        return state.typical if self._longest + further <= REACH else state

    def may_join(self, ending: bytes, state: State) -> bool:
        """Whether a token begins with this ending of a text and goes on with what the grammar allows after it.

        state: where the text has led.
        """
        place = bisect_left(self._pieces, ending)
        if place == len(self._pieces) or not self._pieces[place].startswith(ending):
            return False
        return any(self._has_token(ending + bytes((byte,)), len(ending), state) for byte in state.next_bytes())

    def _has_token(self, beginning: bytes, joint: int, state: State) -> bool:
        place = bisect_left(self._pieces, beginning)
        while place < len(self._pieces) and self._pieces[place].startswith(beginning):
            if state.after(self._pieces[place][joint:]) is not None:
                return True
            place += 1
        return False

    def _anywhere(self, state: State) -> list[int]:
        """Byte by byte while few may come, then piece by piece."""
        allowed: list[int] = []
        todo = [(state, 0, 0, len(self._pieces))]
        while todo:
            state, length, low, high = todo.pop()  # pieces that begin with the same bytes, which lead to the state
            nexts = state.next_bytes()
            if len(nexts) > _FEW_BYTES and high - low < len(nexts) * _FEW_PIECES:
                places = range(low, high)
                allowed += [self._tokens[at] for at in places if state.after(self._pieces[at][length:]) is not None]
                continue
            for byte in nexts:
                first, last = self._places(self._pieces[low][:length] + bytes((byte,)), low, high)
                while first < last and len(self._pieces[first]) == length + 1:
                    allowed.append(self._tokens[first])
                    first += 1
                following = state.after((byte,))
                if first < last and following is not None:
                    todo.append((following, length + 1, first, last))
        return allowed

    def _places(self, beginning: bytes, low: int, high: int) -> tuple[int, int]:
        """Where the pieces stand that begin like this, between two places."""
        first = bisect_left(self._pieces, beginning, low, high)
        if beginning[-1] == 0xFF:
            return first, high  # low to high all share what is before the last byte
        return first, bisect_left(self._pieces, beginning[:-1] + bytes((beginning[-1] + 1,)), first, high)

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
        for token, piece in zip(self._tokens, self._pieces, strict=True):
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
