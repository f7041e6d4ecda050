"""Getting a model: what is to be fetched, whether there is room for all of it, and the fetching, file by file.

Knows nothing of terminals: it asks no question and prints nothing. A caller looks at the `PullPlan` first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from oss_cli.errors import DiskTooSmall
from oss_cli.store.elsewhere import adopt
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.locks import hold
from oss_cli.store.manifest import Record
from oss_cli.store.repository import Address, Listing, RemoteFile
from oss_cli.store.transfer import FileJob, Transfer, TransferOptions, Watcher

_SPARE_BYTES = 64 << 20
"""Left free on the disk: a full one breaks more than downloads."""


class FileSource(Protocol):
    """What `Hub` does for a pull."""

    def sign(self, repository: str, commit: str, path: str) -> Address:
        """Where a file's bytes can be read for a while."""


@dataclass(frozen=True, slots=True)
class PullGoal:
    """What is to be here in the end."""

    name: str
    """What the model is called afterwards."""
    again: str
    """The command that goes on after a failure."""
    listing: Listing
    files: tuple[RemoteFile, ...]
    is_main: bool
    """Whether the listing is of the repository's main branch as it stands now."""


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull will do."""

    name: str
    """What the model is called afterwards."""
    again: str
    """The command that goes on after a failure."""
    repository: str
    commit: str
    is_main: bool
    """Whether the commit is where the repository's main branch stands now."""
    files: tuple[RemoteFile, ...]
    missing: tuple[RemoteFile, ...]
    here_bytes: int
    """What need not be fetched: whole files, and beginnings of others."""
    free_bytes: int
    folder: Path
    """Where it goes."""
    move: str
    """How to take another folder."""
    elsewhere: tuple[tuple[RemoteFile, Path], ...] = ()
    """Missing files that another program seems to have: they are hashed and linked, not fetched."""

    @property
    def total_bytes(self) -> int:
        """All files together."""
        return sum(file.bytes for file in self.files)

    @property
    def missing_bytes(self) -> int:
        """What will come over the network, and be taken from the disk."""
        return self.total_bytes - self.here_bytes - self.elsewhere_bytes

    @property
    def elsewhere_bytes(self) -> int:
        """What another program seems to have."""
        return sum(file.bytes for file, _ in self.elsewhere)


@dataclass(frozen=True, slots=True)
class PulledModel:
    """A model whose files are here now, verified."""

    plan: PullPlan
    paths: tuple[Path, ...]
    """In the order of the plan's files."""
    older: Record | None = None
    """What its name meant before, if that is made of other bytes; it is still here, under a name of its own."""


def plan_pull(
    goal: PullGoal, cache: HubCache, find_elsewhere: Callable[[RemoteFile], Path | None] = lambda _: None
) -> PullPlan:
    """What is here of a model's files and what is not. find_elsewhere: where another program may have a file."""
    repository, commit = goal.listing.repository, goal.listing.commit
    missing = tuple(file for file in goal.files if not cache.has(repository, commit, file))
    begun = {file: cache.partial_bytes(repository, file) for file in missing}
    places = ((file, find_elsewhere(file)) for file in missing if not begun[file])
    return PullPlan(
        name=goal.name, again=goal.again, repository=repository, commit=commit, is_main=goal.is_main, files=goal.files,
        missing=missing, here_bytes=sum(file.bytes for file in goal.files if file not in begun) + sum(begun.values()),
        free_bytes=cache.free_bytes(), folder=cache.folder, move=cache.move,
        elsewhere=tuple((file, place) for file, place in places if place is not None),
    )  # fmt: skip


def check_disk(plan: PullPlan) -> None:
    """Make sure that there is room for all of it, before the first byte.

    Raises:
        DiskTooSmall: there is not.
    """
    _check_room(plan, plan.missing_bytes, plan.free_bytes)


def run_pull(
    plan: PullPlan, source: FileSource, cache: HubCache, watcher: Watcher, options: TransferOptions
) -> PulledModel:
    """Fetch what is missing and make all of it appear in the cache; the branch is moved when the last file is there.

    Raises:
        DownloadFailed: see `Transfer.fetch`; what has come is kept.
        DiskTooSmall: another program's file is not what it seemed, and there is no room for another one.
    """
    adopted = {file for file, found in plan.elsewhere if _adopt(plan, file, found, cache, watcher)}
    to_fetch = [file for file in plan.missing if file not in adopted]
    if len(adopted) < len(plan.elsewhere):
        needed_bytes = sum(file.bytes - cache.partial_bytes(plan.repository, file) for file in to_fetch)
        _check_room(plan, needed_bytes, cache.free_bytes())
    transfer = Transfer(options, watcher)
    try:
        for file in to_fetch:
            _fetch(plan, file, source, cache, transfer, watcher)
    finally:
        transfer.close()
    paths = tuple(cache.place(plan.repository, plan.commit, file) for file in plan.files)
    if plan.is_main or not _has_main(cache, plan.repository):
        cache.write_ref(plan.repository, plan.commit)
    return PulledModel(plan, paths)


def kept_bytes(plan: PullPlan, cache: HubCache) -> int:
    """How much of a plan's files is on this disk now, finished or not."""
    return sum(
        file.bytes if cache.has(plan.repository, plan.commit, file) else cache.partial_bytes(plan.repository, file)
        for file in plan.files
    )


def _check_room(plan: PullPlan, needed_bytes: int, free_bytes: int) -> None:
    if needed_bytes and free_bytes < needed_bytes + _SPARE_BYTES:
        raise DiskTooSmall(
            plan.folder, needed_bytes=needed_bytes, free_bytes=free_bytes, again=plan.again, move=plan.move
        )


def _adopt(plan: PullPlan, file: RemoteFile, found: Path, cache: HubCache, watcher: Watcher) -> bool:
    """Use another program's copy; if it is not what it seemed, all is as before."""
    read_bytes = 0

    def count(new_bytes: int) -> None:
        nonlocal read_bytes
        read_bytes += new_bytes
        watcher.advance(new_bytes)

    cache.prepare(plan.repository, file.sha256)
    if adopt(found, cache.blob(plan.repository, file.sha256), file.sha256, count):
        return True
    watcher.advance(-read_bytes)
    watcher.say(f"{found} is not the same file, or cannot be linked: fetching it")
    return False


def _fetch(
    plan: PullPlan, file: RemoteFile, source: FileSource, cache: HubCache, transfer: Transfer, watcher: Watcher
) -> None:
    job = FileJob(
        name=file.path, bytes=file.bytes, sha256=file.sha256, partial=cache.partial(plan.repository, file.sha256),
        blob=cache.blob(plan.repository, file.sha256), again=plan.again, move=plan.move,
    )  # fmt: skip
    cache.prepare(plan.repository, file.sha256)
    before = cache.partial_bytes(plan.repository, file)
    waiting = f"another process is downloading {file.path}: waiting for it"
    with hold(cache.lock(plan.repository, file.sha256), lambda: watcher.say(waiting)):
        cache.prepare(plan.repository, file.sha256)  # once more: `oss rm` takes the folder of a repository away
        if cache.has(plan.repository, plan.commit, file):
            transfer.skip(file.bytes - before)  # another process fetched it while we waited
            return
        transfer.skip(cache.partial_bytes(plan.repository, file) - before)
        transfer.fetch(job, partial(source.sign, plan.repository, plan.commit, file.path))


def _has_main(cache: HubCache, repository: str) -> bool:
    """Whether the cache knows where main stands, and has that snapshot: then it is not ours to move."""
    commit = cache.read_ref(repository)
    return commit is not None and cache.snapshot(repository, commit).is_dir()
