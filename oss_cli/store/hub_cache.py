"""The Hugging Face cache on this disk, written so that `hf`, llama.cpp and transformers find what we put there.

models--org--name/blobs/<sha256>               the bytes; <sha256>.incomplete while they come
models--org--name/snapshots/<commit>/<path>    links to blobs; the files themselves where there are no links
models--org--name/refs/main                    the commit that is "main", written last
.locks/models--org--name/<sha256>.lock         held while a blob is made

Source: huggingface_hub/file_download.py and _cache_manager.py (2.4); llama.cpp's hf-cache.cpp needs refs/ too.
Knows nothing of the network. A blob may itself be a link into the cache's shared blobs: it is read, never written to.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from oss_cli.store.at_path import bytes_at, found_in, is_link, is_there
from oss_cli.store.repository import Listing, RemoteFile, is_commit

_TAG = """Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by huggingface_hub.
# For information about cache directory tags see: https://bford.info/cachedir/
"""


@dataclass(frozen=True, slots=True)
class HubCache:
    """One cache folder; need not exist."""

    folder: Path
    has_links: bool = True
    """Whether to try symbolic links; where the system refuses them, files are moved to their place, unless the blob
    is needed where it is."""
    move: str = "oss config set hub_cache FOLDER"
    """How to take another folder, for whoever runs out of room here."""

    def repository_folder(self, repository: str) -> Path:
        """Where a repository's files are kept."""
        return self.folder / f"models--{repository.replace('/', '--')}"

    def blob(self, repository: str, sha256: str) -> Path:
        """Where bytes are, once they are verified."""
        return self.repository_folder(repository) / "blobs" / sha256

    def partial(self, repository: str, sha256: str) -> Path:
        """Where bytes are while they come; always a valid beginning of the file."""
        return self.repository_folder(repository) / "blobs" / f"{sha256}.incomplete"

    def lock(self, repository: str, sha256: str) -> Path:
        """The file that huggingface_hub, too, locks while it makes a blob."""
        return self.folder / ".locks" / self.repository_folder(repository).name / f"{sha256}.lock"

    def snapshot(self, repository: str, commit: str) -> Path:
        """Where a commit's files appear under their names."""
        return self.repository_folder(repository) / "snapshots" / commit

    def has(self, repository: str, commit: str, file: RemoteFile) -> bool:
        """Whether a file's bytes are here in full size."""
        placed = self.snapshot(repository, commit) / file.path
        if bytes_at(self.blob(repository, file.sha256)) == file.bytes:
            return True
        return not is_link(placed) and bytes_at(placed) == file.bytes

    def partial_bytes(self, repository: str, file: RemoteFile) -> int:
        """How much of a file an earlier download has left."""
        return min(bytes_at(self.partial(repository, file.sha256)) or 0, file.bytes)

    def find_beginning(self, repository: str, commit: str, file: RemoteFile) -> Path | None:
        """A file on this disk that begins with the same bytes, if there is one: the whole, or what has come of it."""
        places = (
            self.blob(repository, file.sha256),
            self.snapshot(repository, commit) / file.path,
            self.partial(repository, file.sha256),
        )
        return next((place for place in places if bytes_at(place)), None)

    def read_main(self, repository: str) -> Listing | None:
        """What is here of a repository's main branch, as it stood when it was last asked for; asks no hub."""
        commit = self.read_ref(repository)
        if commit is None or not is_commit(commit):
            return None
        snapshot = self.snapshot(repository, commit)
        files = []
        for place in found_in(snapshot, "**/*.gguf"):
            sha256 = Path(os.path.realpath(place)).name if is_link(place) else ""
            # Where there are no links nobody knows the hash; a name of its own keeps the file in the list.
            files.append(RemoteFile(place.relative_to(snapshot).as_posix(), bytes_at(place) or 0, sha256 or "unknown"))
        return Listing(repository, commit, tuple(file for file in files if file.bytes))

    def free_bytes(self) -> int:
        """What the disk has left for this cache."""
        place = self.folder
        while not is_there(place):
            place = place.parent
        return shutil.disk_usage(place).free

    def prepare(self, repository: str, sha256: str) -> None:
        """Make the folders that one blob needs."""
        self.blob(repository, sha256).parent.mkdir(parents=True, exist_ok=True)
        self.lock(repository, sha256).parent.mkdir(parents=True, exist_ok=True)
        tag = self.folder / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(_TAG, "utf-8")

    def place(self, repository: str, commit: str, file: RemoteFile) -> Path:
        """Make a verified blob appear under its name; where."""
        blob = self.blob(repository, file.sha256)
        placed = self.snapshot(repository, commit) / file.path
        if not placed.is_symlink() and bytes_at(placed) == file.bytes:
            return placed  # moved or copied there by us or by huggingface_hub, where there are no links
        if placed.is_symlink() and _is_same(placed, blob):
            return placed
        placed.parent.mkdir(parents=True, exist_ok=True)
        temporary = placed.with_name(f".{uuid.uuid4().hex[:8]}.tmp")
        try:
            if self._link(blob, temporary, placed.parent):
                temporary.replace(placed)
            elif blob.is_symlink() or self._is_needed(repository, blob, but=placed):
                _link_or_copy(blob, temporary)
                temporary.replace(placed)
            else:
                blob.replace(placed)
        finally:
            temporary.unlink(missing_ok=True)
        return placed

    def read_ref(self, repository: str, name: str = "main") -> str | None:
        """The commit that a branch stood at, as far as this cache knows."""
        try:
            return (self.repository_folder(repository) / "refs" / name).read_text("utf-8").strip() or None
        except OSError:
            return None

    def write_ref(self, repository: str, commit: str, name: str = "main") -> None:
        """Say where a branch stands. Its snapshot must be there first: a reader never finds half a model."""
        path = self.repository_folder(repository) / "refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{name}.{uuid.uuid4().hex[:8]}.tmp")
        temporary.write_text(commit, "utf-8")
        temporary.replace(path)

    def _link(self, blob: Path, temporary: Path, folder: Path) -> bool:
        if not self.has_links:
            return False
        try:
            temporary.symlink_to(os.path.relpath(blob, folder))
        except OSError:  # Windows without developer mode; exFAT
            return False
        return True

    def _is_needed(self, repository: str, blob: Path, *, but: Path) -> bool:
        """Whether a snapshot from the time when there were links has one that leads to a blob."""
        links = (self.repository_folder(repository) / "snapshots").rglob("*")
        return any(link != but and link.is_symlink() and _is_same(link, blob) for link in links)


def _is_same(link: Path, blob: Path) -> bool:
    return os.path.realpath(link) == os.path.realpath(blob)


def _link_or_copy(blob: Path, place: Path) -> None:
    """A second name for the same bytes; where there are no hard links (exFAT), the bytes a second time."""
    try:
        place.hardlink_to(os.path.realpath(blob))
    except OSError:
        shutil.copyfile(blob, place)
