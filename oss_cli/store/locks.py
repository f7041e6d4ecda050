"""Locks between processes, on files. Knows nothing of what they guard.

The same kind as huggingface_hub's (utils/_fixes.py, 2.4), so that it and we wait for each other. A lock's file stays:
taking it away would let two processes hold two files of one name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_SHARED_MODE = 0o664  # people who share a cache wait for each other, too
_PRIVATE_MODE = 0o600
_FIRST_WAIT_S = 0.5


class LockHeld(Exception):
    """Another process has the lock."""


@contextmanager
def hold(path: Path, on_wait: Callable[[], None] = lambda: None, *, is_private: bool = False) -> Iterator[None]:
    """Hold a lock; waits for it as long as it takes. on_wait: called once, when that is longer than half a second.

    is_private: nobody but this user ever waits for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(path, _FIRST_WAIT_S, is_private=is_private)
    except Timeout:
        on_wait()
        lock = _acquire(path, -1, is_private=is_private)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold_at_once(path: Path, *, is_private: bool = False) -> Iterator[None]:
    """Hold a lock that is free.

    is_private: nobody but this user ever looks for it.

    Raises:
        LockHeld: it is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(path, 0, is_private=is_private)
    except Timeout as error:
        raise LockHeld from error
    try:
        yield
    finally:
        lock.release()


def _acquire(path: Path, timeout_s: float, *, is_private: bool) -> BaseFileLock:
    mode = _PRIVATE_MODE if is_private else _SHARED_MODE
    lock: BaseFileLock = FileLock(path, mode=mode)
    try:
        lock.acquire(timeout=timeout_s)
    except NotImplementedError:  # a file system without flock
        lock = SoftFileLock(path, mode=mode)
        lock.acquire(timeout=timeout_s)
    return lock
