"""A holder is stopped: told to leave, and ended if it does not."""

import contextlib
import os
import signal
import time
from enum import StrEnum

from oss_cli.holders.client import HolderClient
from oss_cli.holders.connection import HolderBusy, HolderGone
from oss_cli.holders.folder import HoldersFolder
from oss_cli.holders.record import HolderRecord
from oss_cli.store.locks import LockHeld, hold_at_once

DRAIN_S = 10
"""How long a holder lets its replies come to their end."""
_LEAVE_S = 5
"""How long it may take after that."""
_DIE_S = 5
_POLL_S = 0.02


class Stopped(StrEnum):
    """How a holder ended."""

    LEFT = "left"
    KILLED = "killed"
    """It did not answer, or did not leave."""
    WAS_GONE = "was gone"
    STAYS = "stays"
    """Not even that ended it."""


def is_alive(folder: HoldersFolder, key: str) -> bool:
    """Whether a holder lives: it holds a lock until it ends, however it ends; its number may be another's by then."""
    if not folder.life_lock(key).exists():
        return False
    try:
        with hold_at_once(folder.life_lock(key), is_private=True):
            return False
    except LockHeld:
        return True
    except OSError:
        return False


def stop_holder(folder: HoldersFolder, record: HolderRecord) -> Stopped:
    """End a holder; blocks until it is gone."""
    if not is_alive(folder, record.key):
        folder.forget(record.key)
        return Stopped.WAS_GONE
    with contextlib.suppress(HolderGone, HolderBusy):
        HolderClient(folder, record).stop()
        if _has_gone(folder, record.key, DRAIN_S + _LEAVE_S):
            return Stopped.LEFT
    return kill_holder(folder, record.key)


def kill_holder(folder: HoldersFolder, key: str) -> Stopped:
    """End a holder that is not asked: it hangs, or its record cannot be read. Blocks until it is gone."""
    pid = folder.pid_of(key)
    if pid and is_alive(folder, key):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just gone
            # Windows has no other way, and calls it by that name.
            os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    has_gone = _has_gone(folder, key, _DIE_S)
    if has_gone:
        folder.forget(key)
    return Stopped.KILLED if has_gone else Stopped.STAYS


def _has_gone(folder: HoldersFolder, key: str, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while is_alive(folder, key):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
