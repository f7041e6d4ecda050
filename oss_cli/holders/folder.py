"""The folder where holders are found: a record, a socket, locks and a log of each. It is this user's alone.

Whoever could write there could put a process of their own in the place of a holder, and read what it is asked.
"""

import contextlib
import json
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from oss_cli.errors import CannotWrite, UnsafeFolder, quoted
from oss_cli.holders.record import HolderRecord, record_from_text, record_to_text

_LONGEST_SOCKET_PATH = 100
"""Bytes: 104 on macOS and 108 on Linux, a zero at the end included (sys/un.h)."""
_REPLACE_TRIES = 20
_REPLACE_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class HoldersFolder:
    """Where holders are found; need not exist."""

    path: Path

    def make(self) -> None:
        """Make the folder, for this user alone.

        Raises:
            CannotWrite: it cannot be made.
            UnsafeFolder: it is there, and others may get in.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
        except OSError as error:
            raise CannotWrite(self.path, error) from error
        self.check()

    def check(self) -> None:
        """Make sure that nobody else can have put anything there.

        Raises:
            UnsafeFolder: somebody may have.
        """
        try:
            found = self.path.lstat()
        except OSError:
            return  # then there is nothing
        if not stat.S_ISDIR(found.st_mode):
            raise UnsafeFolder(self.path, "it is no folder", hint=f"rm {quoted(self.path)}")
        if os.name == "nt":
            return  # there it stands in the user's own data folder, which has no such bits
        if found.st_uid != os.geteuid():
            raise UnsafeFolder(self.path, f"it belongs to the user {found.st_uid}", hint=f"rm -r {quoted(self.path)}")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise UnsafeFolder(
                self.path, f"others may get in: its mode is {mode:o}", hint=f"chmod 700 {quoted(self.path)}"
            )

    def socket(self, key: str) -> Path | None:
        """The place of a holder's Unix socket; None: there are none here, or its path would be too long for one."""
        path = self.path / f"{key}.sock"
        is_short = len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH
        return path if os.name != "nt" and is_short else None

    def log(self, key: str) -> Path:
        """What a holder writes when something is wrong."""
        return self.path / f"{key}.log"

    def life_lock(self, key: str) -> Path:
        """Held by a holder for as long as it lives."""
        return self.path / f"{key}.lock"

    def start_lock(self, key: str) -> Path:
        """Held by who starts a holder, until it is ready."""
        return self.path / f"{key}.start.lock"

    def read(self, key: str) -> HolderRecord | None:
        """What a holder has written about itself; None: nothing that can be read."""
        try:
            return record_from_text(self._record(key).read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            return None

    def has_record(self, key: str) -> bool:
        """Whether a holder has written anything, whatever that says."""
        return self._record(key).exists()

    def pid_of(self, key: str) -> int:
        """The process that a record names, also one of another version that says the rest in another way; 0: none."""
        try:
            value = json.loads(self._record(key).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return 0
        pid = value.get("pid") if isinstance(value, dict) else None
        return pid if isinstance(pid, int) and pid > 1 else 0

    def records(self) -> list[HolderRecord]:
        """What all holders have written, the oldest first; some of them may be gone.

        Raises:
            UnsafeFolder: somebody else may have written there.
        """
        self.check()
        try:
            keys = [path.stem for path in self.path.glob("*.json")]
        except OSError:
            return []
        found = [record for key in keys if (record := self.read(key)) is not None and record.key == key]
        return sorted(found, key=lambda record: record.started)

    def write(self, record: HolderRecord) -> None:
        """Write a holder's record, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        temporary = self.path / f".{record.key}.{os.getpid()}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(record_to_text(record))
        _replace(temporary, self._record(record.key))

    def forget(self, key: str) -> None:
        """Take away what a holder that has ended has left; its log and its locks stay."""
        for path in (self._record(key), self.path / f"{key}.sock"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _record(self, key: str) -> Path:
        return self.path / f"{key}.json"


def _replace(new: Path, old: Path) -> None:
    """On Windows a file cannot be replaced while somebody reads it; that takes them a moment."""
    for _ in range(_REPLACE_TRIES if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):
            new.replace(old)
            return
        time.sleep(_REPLACE_PAUSE_S)
    new.replace(old)
