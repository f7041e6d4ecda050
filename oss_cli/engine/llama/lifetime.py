"""How long one of llama.cpp's objects lives: until it is closed and nobody uses it. Knows nothing of what it is."""

import threading
from types import TracebackType

from oss_cli.errors import EngineFailed

_CLOSE_WAIT_S = 10.0
"""For the last user: a part of a long text takes 0.1 s to tokenise, on a crowded machine a multiple."""


class Lifetime:
    """Used with `with` around each call into C, by any number of threads at once. None of them waits for another.

    Raises:
        EngineFailed: (entering) it was closed.
    """

    def __init__(self) -> None:
        self._changes = threading.Condition(threading.Lock())
        self._users = 0
        self._is_closed = False

    def __enter__(self) -> None:
        with self._changes:
            if self._is_closed:
                raise unloaded()
            self._users += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changes:
            self._users -= 1
            if self._is_closed:
                self._changes.notify_all()

    def close(self) -> bool:
        """Let nobody in any more and wait for those who are; whether all have left, so that it may be freed."""
        with self._changes:
            self._is_closed = True
            return self._changes.wait_for(lambda: self._users == 0, timeout=_CLOSE_WAIT_S)


def unloaded() -> EngineFailed:
    """What a model that was closed says to everything."""
    return EngineFailed("the model is unloaded", cause="it was closed")
