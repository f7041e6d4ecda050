"""Guesses out of the text itself: what followed when its last tokens came before. Knows nothing of models."""

from dataclasses import dataclass

SIZES = (8, 4, 2)
"""So many last tokens are looked for, the longest first."""


@dataclass(frozen=True, slots=True)
class Match:
    """An earlier place that ended with the same tokens."""

    rank: int
    """Of `SIZES`: how long the match is at least."""
    place: int
    """Where what followed begins."""


class PromptLookup:
    """An index of the last place of every run of tokens; it grows with the text, in the same time for each token."""

    def __init__(self) -> None:
        # By the hash of a run: half the memory, and one of another run makes a wrong guess at worst.
        self._places: tuple[dict[int, int], ...] = tuple({} for _ in SIZES)
        self._indexed = 0

    def find(self, tokens: list[int]) -> Match | None:
        """The latest earlier place that ends as the text does. `tokens`: the text of the last call, and more."""
        self._index(tokens)
        for rank, size in enumerate(SIZES):
            place = self._places[rank].get(hash(tuple(tokens[-size:])))
            if place is not None:
                return Match(rank, place)
        return None

    def _index(self, tokens: list[int]) -> None:
        """Take in every run that something follows: its last one is what is looked for."""
        first, end = self._indexed, len(tokens)
        for size, places in zip(SIZES, self._places, strict=True):
            part = tokens[max(0, first - size) : end - 1]
            runs = zip(*(part[offset:] for offset in range(size)), strict=False)
            places.update(zip(map(hash, runs), range(max(first, size), end), strict=False))
        self._indexed = end


def what_followed(tokens: list[int], place: int, most: int) -> list[int]:
    """The tokens after an earlier place; where the text ends, it is taken to repeat itself."""
    guess = tokens[place : place + most]
    period = len(tokens) - place
    while len(guess) < most:
        guess.append(guess[len(guess) - period])
    return guess
