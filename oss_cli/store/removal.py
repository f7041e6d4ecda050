"""Taking a model off this disk: what would go, how much that frees, and what has to stay. Asks and shows nothing.

In the Hugging Face cache only the model's own files go: their links in every snapshot, and the bytes that no other link
needs. That is what huggingface_hub's delete_files and delete_revisions do (_cache_manager.py, _shared_blobs.py, 2.4),
written on paths because that library takes 135 ms to load and knows no single file of ours.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from oss_cli.catalogue import CatalogueEntry
from oss_cli.errors import CannotWrite
from oss_cli.store.local import LocalStore, model_files

_PARTIAL_SUFFIXES = (".incomplete", ".downloadInProgress")
"""Of downloads that were broken off: huggingface_hub's and ours, llama.cpp's."""


@dataclass
class Removal:
    """What removing a model means."""

    files: list[Path] = field(default_factory=list)
    """The model's files as people know them: links in a snapshot, files in our folder."""
    blobs: list[Path] = field(default_factory=list)
    """Bytes behind them that nothing else needs."""
    freed_bytes: int = 0
    shared: list[Path] = field(default_factory=list)
    """Files whose bytes stay, because something else on this disk is made of them too."""
    repository: Path | None = None
    """The folder in the Hugging Face cache that is to be tidied afterwards."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.files and not self.blobs


def plan_removal(store: LocalStore, name: str, entry: CatalogueEntry | None) -> Removal:
    """All of a model that can be removed: in our folder and in the Hugging Face cache, whole or in part."""
    removal = Removal()
    own = store.find_own(name)
    if own is None and entry is not None:
        own = store.find_own(entry.name)
    removal.files += model_files(own) if own is not None else ()
    folder = store.repository_folder(entry) if entry is not None else None
    if entry is not None and folder is not None and folder.is_dir():
        _plan_repository(removal, folder, entry)
    _weigh(removal)
    return removal


def remove(removal: Removal) -> None:
    """Do it. Links go first: what is broken off halfway leaves bytes without a name, never a name without bytes.

    Raises:
        CannotWrite: the system refuses; what went before is gone.
    """
    for path in (*removal.files, *removal.blobs):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotWrite(path, error, verb="removed") from error
    for path in removal.blobs:
        if path.parent.parent.name == "blobs":  # of the cache-wide store: what lists those that use it goes too
            path.with_name(f"{path.name}.refs").unlink(missing_ok=True)
    if removal.repository is not None:
        _tidy(removal.repository)


def _weigh(removal: Removal) -> None:
    """Count the bytes that are freed: those of files whose every hard link goes. Symbolic links weigh nothing."""
    going: dict[tuple[int, int], list[Path]] = {}
    for path in (*removal.files, *removal.blobs):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            going.setdefault((status.st_dev, status.st_ino), []).append(path)
        elif path in removal.files and _target(path) not in removal.blobs:
            removal.shared.append(path)
    for paths in going.values():
        status = paths[0].lstat()
        if status.st_nlink <= len(paths):
            removal.freed_bytes += status.st_size
        else:
            removal.shared += paths


def _plan_repository(removal: Removal, folder: Path, entry: CatalogueEntry) -> None:
    released = [file for release in (entry.files, *(older.files for older in entry.also)) for file in release]
    others = set()
    for path, blob, is_ours in _links(folder, {file.name for file in released}, {file.sha256 for file in released}):
        if is_ours:
            removal.files.append(path)
        elif blob is not None:
            others.add(blob)
    # Where there are no links, the file in the snapshot is the bytes themselves, and has no blob.
    blobs = [blob for path in removal.files if folder in path.parents and (blob := _blob_of(path)) is not None]
    for file in released:
        blobs += [folder / "blobs" / file.sha256, *_partials(folder, file.sha256)]
    for blob in dict.fromkeys(blobs):
        if blob.exists() and blob not in others:
            _plan_blob(removal, blob, folder)
    if removal.files or removal.blobs:
        removal.repository = folder


def _links(folder: Path, names: set[str], hashes: set[str]) -> Iterator[tuple[Path, Path | None, bool]]:
    """Every file of every snapshot, its blob, and whether it is one of the model's."""
    for snapshot in (folder / "snapshots").glob("*"):
        for path in _files_in(snapshot):
            blob = _blob_of(path)
            is_ours = path.relative_to(snapshot).as_posix() in names or (blob is not None and blob.name in hashes)
            yield path, blob, is_ours


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
    for suffix in _PARTIAL_SUFFIXES:
        yield from (folder / "blobs").glob(f"{sha256}*{suffix}")
