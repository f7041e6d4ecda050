"""Locks between processes, on files. Knows nothing of what they guard.

The same kind as huggingface_hub's (utils/_fixes.py, 2.4), so that it and we wait for each other. A lock's file stays:
taking it away would let two processes hold two files of one name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

_MODE = 0o664  # people who share a cache wait for each other, too
_FIRST_WAIT_S = 0.5


class LockHeld(Exception):
    """Another process has the lock."""


@contextmanager
def hold(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock; waits for it as long as it takes. on_wait: called once, when that is longer than half a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(path, _FIRST_WAIT_S)
    except Timeout:
        on_wait()
        lock = _acquire(path, -1)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold_at_once(path: Path) -> Iterator[None]:
    """Hold a lock that is free.

    Raises:
        LockHeld: it is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquire(path, 0)
    except Timeout as error:
        raise LockHeld from error
    try:
        yield
    finally:
        lock.release()


def _acquire(path: Path, timeout_s: float) -> BaseFileLock:
    lock: BaseFileLock = FileLock(path, mode=_MODE)
    try:
        lock.acquire(timeout=timeout_s)
    except NotImplementedError:  # a file system without flock
        lock = SoftFileLock(path, mode=_MODE)
        lock.acquire(timeout=timeout_s)
    return lock
