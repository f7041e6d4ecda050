"""The states that are kept: how they are called, how much room they may take, and what goes first. Knows no engine.

A name is three digests: of what the state belongs to, of the conversation, of its tokens. So nothing has to be opened
to find the states of a model or of a conversation, and the same state is not written twice. Other processes may write
and remove here at the same time: what is gone is gone, and a name appears when its file is whole.
"""

import hashlib
import os
import shutil
import time
import uuid
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from oss_cli.errors import CannotWrite
from oss_cli.states.file import StateFacts, read_facts, seal

_SUFFIX = ".state"
_UNFINISHED = ".unfinished"
_UNFINISHED_S = 3600.0
"""What is older was left behind by a process that was killed."""
_SPARE_BYTES = 1 << 30
"""So much of the disk stays free."""


class NoRoom(Exception):
    """A state is not kept; the reason is its text."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the folder."""

    path: Path
    bytes: int
    used: float
    """When it was last written or gone on from, in seconds since 1970."""


class StateFolder:
    """A folder of states, for its owner alone."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        """most_bytes: what all of them may take together. The folder need not exist."""
        self.folder = folder
        self._most_bytes = most_bytes

    def entries(self) -> list[Kept]:
        """All states, those that were used last first."""
        return sorted(self._files(_SUFFIX), key=lambda one: one.used, reverse=True)

    def find(self, key: str, owner: str | None = None) -> list[tuple[Kept, StateFacts]]:
        """The states of a key, and of a conversation if one is named, as far as they can be read."""
        found = []
        for one in self.entries():
            parts = one.path.name.split("-")
            if parts[0] == _digest(key) and (owner is None or parts[1] == _digest(owner)):
                facts = read_facts(one.path)
                if facts is not None and facts.key == key and (owner is None or facts.owner == owner):
                    found.append((one, facts))
        return found

    def touch(self, path: Path) -> None:
        """Note that a state was used now."""
        try:
            os.utime(path)
        except OSError:  # it is gone, or another process reads it: then it is simply older
            return

    def remove(self, path: Path) -> None:
        """Remove a state, if it is there and nobody reads it (Windows)."""
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return

    def keep(self, facts: StateFacts, size: int, write: Callable[[Path], Sequence[tuple[int, bytes]] | None]) -> None:
        """Keep a state, unless it is kept already; what has not been used for longest goes, to stay below the cap.

        size: the bytes it will take. write: writes the engine's part to a path; gives its windows; None: it failed.

        Raises:
            NoRoom: there is not enough room for it, or it cannot be written.
        """
        path = self.folder / _name(facts)
        if path.exists():
            self.touch(path)
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(size)
            self._write(path, facts, write)
        except OSError as error:
            raise NoRoom(error.strerror or str(error)) from error
        self._remove_older(path, facts)

    def remove_of(self, owners: Iterable[str]) -> None:
        """Remove every state of some conversations."""
        digests = {_digest(owner) for owner in owners}
        for one in self.entries():
            if one.path.name.split("-")[1] in digests:
                self.remove(one.path)

    def clear(self) -> int:
        """Remove everything; how many states that were.

        Raises:
            CannotWrite: something is still there: the text in it, too.
        """
        count, failure = 0, None
        try:
            paths = [path for path in self.folder.iterdir() if path.name.endswith((_SUFFIX, _UNFINISHED))]
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise CannotWrite(self.folder, error, verb="removed") from error
        for path in (path for path in paths if not path.is_dir()):
            try:
                path.unlink(missing_ok=True)
                count += path.suffix == _SUFFIX
            except OSError as error:  # another process reads it (Windows), or it is somebody else's
                failure = failure or CannotWrite(path, error, verb="removed")
        if failure is not None:
            raise failure
        return count

    def _write(
        self, path: Path, facts: StateFacts, write: Callable[[Path], Sequence[tuple[int, bytes]] | None]
    ) -> None:
        unfinished = path.with_name(f"{uuid.uuid4().hex}{_UNFINISHED}")
        try:
            os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # before anything is in it
            windows = write(unfinished)
            if windows is None:
                raise NoRoom("llama.cpp could not write it")
            seal(
                unfinished, key=facts.key, owner=facts.owner, stable_tokens=facts.stable_tokens, tokens=facts.tokens,
                windows=windows,
            )  # fmt: skip
            unfinished.replace(path)
        finally:
            self.remove(unfinished)

    def _make_room(self, size: int) -> None:
        """Raises NoRoom: it is larger than all may be together, or than what is free."""
        if size > self._most_bytes:
            raise NoRoom(f"it takes {size / 1e9:.1f} GB, and all may take {self._most_bytes / 1e9:.1f} GB (cache_gb)")
        now = time.time()
        for one in self._files(_UNFINISHED):
            if now - one.used > _UNFINISHED_S:
                self.remove(one.path)
        entries = self.entries()
        total = size + sum(one.bytes for one in entries)
        while total > self._most_bytes and entries:
            oldest = entries.pop()
            self.remove(oldest.path)
            total -= oldest.bytes
        free = shutil.disk_usage(self.folder).free
        if free < size + _SPARE_BYTES:
            raise NoRoom(f"it takes {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB of the disk are free")

    def _remove_older(self, path: Path, facts: StateFacts) -> None:
        """Remove the states of a conversation that the new one makes needless: it begins with what they hold."""
        if not facts.owner:
            return
        for one, older in self.find(facts.key, facts.owner):
            end = older.stable_tokens
            if one.path != path and older.tokens[:end] == facts.tokens[:end]:
                self.remove(one.path)

    def _files(self, suffix: str) -> list[Kept]:
        found = []
        try:
            paths = [path for path in self.folder.iterdir() if path.name.endswith(suffix)]
        except OSError:  # there is none yet
            return []
        for path in paths:
            try:
                status = path.stat()
            except OSError:  # another process has removed it
                continue
            if S_ISREG(status.st_mode) and (suffix != _SUFFIX or path.name.count("-") == 2):
                found.append(Kept(path, status.st_size, status.st_mtime))
        return found


def _name(facts: StateFacts) -> str:
    tokens = hashlib.blake2b(array("i", facts.tokens).tobytes(), digest_size=8).hexdigest()
    return f"{_digest(facts.key)}-{_digest(facts.owner)}-{tokens}{_SUFFIX}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
