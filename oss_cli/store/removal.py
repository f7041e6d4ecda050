"""Taking a model off this disk: what would go, how much that frees, and what has to stay. Asks and shows nothing.

In the Hugging Face cache only the model's own files go: their links in every snapshot, and the bytes that no other link
needs. That is what huggingface_hub's delete_files and delete_revisions do (_cache_manager.py, _shared_blobs.py, 2.4),
written on paths because that library takes 135 ms to load and knows no single file of ours.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from oss_cli.catalogue import CatalogueEntry, ModelFile
from oss_cli.errors import BadUsage, CannotWrite
from oss_cli.store.at_path import is_there
from oss_cli.store.cached import entry_of
from oss_cli.store.local import LocalStore
from oss_cli.store.locks import LockHeld, hold_at_once
from oss_cli.store.manifest import Manifest
from oss_cli.store.model_files import has_size, model_files
from oss_cli.store.repository import is_sha256

PARTIAL_SUFFIXES = (".incomplete", ".downloadInProgress")
"""Of downloads that were broken off: huggingface_hub's and ours, llama.cpp's."""


@dataclass
class Removal:
    """What removing a model means."""

    name: str
    files: list[Path] = field(default_factory=list)
    """The model's files as people know them: links in a snapshot, files in our folder."""
    blobs: list[Path] = field(default_factory=list)
    """Bytes behind them that nothing else needs."""
    freed_bytes: int = 0
    shared: list[Path] = field(default_factory=list)
    """Files whose bytes stay, because something else on this disk is made of them too."""
    repositories: set[Path] = field(default_factory=set)
    """The folders in the Hugging Face cache that are to be tidied afterwards."""
    locks: list[Path] = field(default_factory=list)
    """What a process holds that makes one of the blobs."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.files and not self.blobs


def plan_removal(store: LocalStore, name: str, entry: CatalogueEntry | None) -> Removal:
    """All of a model that can be removed: in our folder and in the Hugging Face cache, whole or in part.

    name: the model's own, no alias; entry: what it is made of, as far as that is known.
    """
    removal = Removal(name)
    own, broken = store.find_own(name), store.find_broken(name)
    removal.files += model_files(own) if own is not None else broken.files if broken is not None else ()
    begun = store.begun(name)
    for one in (entry, entry_of(begun) if begun is not None else None):
        folder = store.repository_folder(one) if one is not None else None
        if one is not None and folder is not None and folder.is_dir():
            _plan_repository(removal, folder, one, store.manifest)
    _weigh(removal)
    return removal


def remove(removal: Removal) -> None:
    """Do it. Links go first: what is broken off halfway leaves bytes without a name, never a name without bytes.

    Raises:
        BadUsage: a process is downloading some of it.
        CannotWrite: the system refuses; what went before is gone.
    """
    with ExitStack() as held:
        for lock in removal.locks:
            _hold(lock, removal.name, held)
        _take_away(removal)
    for repository in removal.repositories:
        _tidy(repository)


def check_idle(removal: Removal) -> None:
    """Make sure that nobody is downloading what is to go; `remove` does so, too, but a question may come before it.

    Raises:
        BadUsage: a process is.
    """
    with ExitStack() as held:
        for lock in removal.locks:
            if lock.exists():
                _hold(lock, removal.name, held)


def _hold(lock: Path, name: str, held: ExitStack) -> None:
    try:
        held.enter_context(hold_at_once(lock))
    except LockHeld as error:
        cause = "another process is downloading it"
        hint = f"let that end, or stop it, then: oss rm {name}"
        raise BadUsage(f"{name} cannot be removed now", cause=cause, hint=hint) from error
    except OSError as error:
        raise CannotWrite(lock, error) from error


def _take_away(removal: Removal) -> None:
    for path in (*removal.files, *removal.blobs):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotWrite(path, error, verb="removed") from error
    for path in removal.blobs:
        if path.parent.parent.name == "blobs":  # of the cache-wide store: what lists those that use it goes too
            path.with_name(f"{path.name}.refs").unlink(missing_ok=True)


def _weigh(removal: Removal) -> None:
    """Count the bytes that are freed: those of files whose every hard link goes. Symbolic links weigh nothing."""
    going: dict[tuple[int, int], list[Path]] = {}
    for path in (*removal.files, *removal.blobs):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            going.setdefault((status.st_dev, status.st_ino), []).append(path)
        elif path in removal.files and _target(path) not in removal.blobs and is_there(path):
            removal.shared.append(path)
    for paths in going.values():
        status = paths[0].lstat()
        if status.st_nlink <= len(paths):
            removal.freed_bytes += status.st_size
        else:
            removal.shared += paths


def _plan_repository(removal: Removal, folder: Path, entry: CatalogueEntry, manifest: Manifest) -> None:
    owner = _Owner(folder, entry, manifest)
    others, ours = set(), []
    for path in _snapshot_files(folder):
        if owner.is_ours(path):
            ours.append(path)
        elif (blob := _blob_of(path)) is not None:
            others.add(blob)
    removal.files += (path for path in ours if path not in removal.files)
    # Where there are no links, the file in the snapshot is the bytes themselves, and has no blob.
    blobs = [blob for path in ours if (blob := _blob_of(path)) is not None]
    for sha256 in sorted(owner.hashes - owner.foreign - {""}):
        found = [folder / "blobs" / sha256, *_partials(folder, sha256)]
        lock = folder.parent / ".locks" / folder.name / f"{sha256}.lock"
        if lock.exists() or any(path.exists() for path in found):
            removal.locks.append(lock)
        blobs += found
    for blob in dict.fromkeys(blobs):
        if blob.exists() and blob not in others and blob not in removal.blobs:
            _plan_blob(removal, blob, folder)
    if removal.files or removal.blobs:
        removal.repositories.add(folder)


class _Owner:
    """Tells which files of a repository are the model's that is to go."""

    def __init__(self, folder: Path, entry: CatalogueEntry, manifest: Manifest) -> None:
        self._snapshots = folder / "snapshots"
        self._commit = entry.revision
        self._files = {file.name: file for files in _releases(entry) for file in files}
        self.hashes = {file.sha256 for files in _releases(entry) for file in files}
        records = [one for one in manifest.models.values() if one.repository == entry.repository]
        # What is made of the same bytes only is the same model under another name.
        others = [one for one in records if not one.hashes <= self.hashes]
        self.foreign = {file.sha256 for one in others for file in one.files} & self.hashes
        """Bytes that another model needs as well."""
        self._foreign_commits = {one.commit for one in others}
        self._recorded = {(one.commit, file.path): file.sha256 for one in records for file in one.files}

    def is_ours(self, path: Path) -> bool:
        """Whether a snapshot's file, or link, is the model's: by its hash; by name and size where nobody knows that."""
        inside = path.relative_to(self._snapshots)
        commit, name = inside.parts[0], "/".join(inside.parts[1:])
        blob = _blob_of(path)
        sha256 = blob.name if blob is not None and is_sha256(blob.name) else self._recorded.get((commit, name), "")
        if sha256:
            is_needed = sha256 in self.foreign and (commit != self._commit or commit in self._foreign_commits)
            return sha256 in self.hashes and not is_needed
        known = self._files.get(name)
        return known is not None and (has_size(path, known.bytes) or not path.exists())


def _releases(entry: CatalogueEntry) -> tuple[tuple[ModelFile, ...], ...]:
    return (entry.files, *(older.files for older in entry.also))


def _snapshot_files(folder: Path) -> Iterator[Path]:
    return (path for snapshot in (folder / "snapshots").glob("*") for path in _files_in(snapshot))


def _plan_blob(removal: Removal, blob: Path, folder: Path) -> None:
    removal.blobs.append(blob)
    if not blob.is_symlink():
        return
    shared = _target(blob)
    # Elsewhere: linked into the cache by us or by the user. Only what lies in the cache's own store is the cache's.
    if shared.parent.parent == folder.parent / "blobs" and not _is_needed(shared, folder.parent, removal.blobs):
        removal.blobs.append(shared)
    else:
        removal.shared.append(blob)


def _is_needed(shared: Path, cache: Path, going: list[Path]) -> bool:
    """Whether any repository of the cache has a link to a blob of the cache-wide store, but for those that go."""
    links = (path for path in cache.glob("*--*/blobs/*") if path.is_symlink())
    return any(link not in going and _target(link) == shared for link in links)


def _tidy(folder: Path) -> None:
    """Take away what points to nothing: empty snapshots, the refs to them, and in the end the repository's folder.

    Left alone, they would be a corrupted cache in the eyes of huggingface_hub.
    """
    snapshots = folder / "snapshots"
    for snapshot in snapshots.glob("*"):
        if any(_files_in(snapshot)):
            continue
        for ref in (path for path in (folder / "refs").rglob("*") if path.is_file()):
            if ref.read_text("utf-8", "replace").strip() == snapshot.name:
                ref.unlink()
        shutil.rmtree(snapshot, ignore_errors=True)
    if any(snapshots.glob("*")) or any((folder / "blobs").glob("*")):
        return
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder.parent / ".locks" / folder.name, ignore_errors=True)


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def _blob_of(path: Path) -> Path | None:
    """The blob that a snapshot's link leads to; None for a file of its own."""
    return _target(path) if path.is_symlink() else None


def _target(link: Path) -> Path:
    """One step along a link. A blob's name is its content's hash, so no further step may be taken."""
    return Path(os.path.normpath(link.parent / link.readlink()))


def _partials(folder: Path, sha256: str) -> Iterator[Path]:
    for suffix in PARTIAL_SUFFIXES:
        yield from (folder / "blobs").glob(f"{sha256}*{suffix}")
