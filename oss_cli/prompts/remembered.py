"""What was made of texts, kept for when they come again. Bounded by their length: a server reads for weeks."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Made = TypeVar("_Made")

_MOST_CHARACTERS = 8 << 20
"""Sixteen conversations of 128,000 tokens; as tokens, 100 MB at the most."""
_ENTRY_CHARACTERS = 200
"""What keeping even the shortest text takes."""


class Remembered(Generic[_Made]):
    """A function of texts that remembers what it has made of the latest. For any number of threads."""

    def __init__(self, make: Callable[..., _Made], *, most_characters: int = _MOST_CHARACTERS) -> None:
        self._make = make
        self._most = most_characters
        self._kept: OrderedDict[tuple[str, ...], _Made] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def __call__(self, *texts: str) -> _Made:
        """What is made of these texts."""
        with self._lock:
            if texts in self._kept:
                self._kept.move_to_end(texts)
                return self._kept[texts]
        made = self._make(*texts)
        with self._lock:
            if texts not in self._kept:
                self._kept[texts] = made
                self._characters += _size_of(texts)
            while self._characters > self._most:
                forgotten, _ = self._kept.popitem(last=False)
                self._characters -= _size_of(forgotten)
        return made


def _size_of(texts: tuple[str, ...]) -> int:
    return _ENTRY_CHARACTERS + sum(map(len, texts))
