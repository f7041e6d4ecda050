"""Bringing a GGUF from elsewhere on this computer into our models folder: by link where that can be, else by copy.

Shows nothing; progress goes to a callback.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from oss_cli.catalogue import Catalogue, CatalogueEntry
from oss_cli.errors import BadModelFile, BadUsage, CannotWrite, DiskTooSmall, quoted
from oss_cli.store.at_path import is_folder
from oss_cli.store.gguf import GgufHeader, read_model, readable_shape, shard_paths
from oss_cli.store.gguf.files import read_header
from oss_cli.store.manifest import Record, RecordedFile, change_manifest
from oss_cli.store.model_files import own_name
from oss_cli.store.verify import hash_file

_CHUNK_BYTES = 4 << 20
_OLLAMA_BLOB = re.compile(r"sha256[-:]([0-9a-f]{64})")
_NO_MODELS = {"mmproj": "a projector for images", "adapter": "an adapter (LoRA)", "vocab": "a vocabulary alone"}

OnBytes = Callable[[int], None]
HardLink = Callable[[Path, Path], None]


class Method(StrEnum):
    """How a file gets into our folder."""

    HARD_LINK = "hard link"
    SYMLINK = "symbolic link"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Source:
    """A model that could be imported."""

    files: tuple[Path, ...]
    """In order; of a split model, its parts."""
    title: str
    """The name in its header; may be empty."""
    hashes: tuple[str, ...] = ()
    """The SHA-256 of each file, where they were taken already."""

    @property
    def total_bytes(self) -> int:
        """All files together."""
        return sum(path.stat().st_size for path in self.files)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of it."""

    files: tuple[Path, ...]
    method: Method
    hashes: tuple[str, ...]
    """The SHA-256 of each file, as it was read."""


def examine(path: Path) -> Source:
    """Look at a GGUF, find the other parts of a split one, and refuse what cannot be used.

    Raises:
        BadModelFile: there is no such file, it is no whole GGUF, no model of its own, or in ollama's form of gpt-oss.
        BadUsage: it is a folder.
    """
    if is_folder(path):
        raise _folder_error(path)
    header = read_header(path)
    refuse_ollama_form(header, path)
    files = shard_paths(path, header)
    header = read_model(files[0])
    kind = header.metadata.get("general.type")
    what = _NO_MODELS.get(str(kind)) or (_NO_MODELS["mmproj"] if header.architecture == "clip" else None)
    if what is not None:
        raise BadModelFile(path, "is no model of its own", cause=f"it is {what}")
    title = header.metadata.get("general.name")
    return Source(files, title if isinstance(title, str) else "")


def refuse_ollama_form(header: GgufHeader, path: Path) -> None:
    """Refuse the gpt-oss of ollama's own library: its tensors have names that llama.cpp does not know.

    Raises:
        BadModelFile: it is one.
    Source: llama.cpp's compatibility layer in ollama, llama-ollama-compat.cpp (2026-08).
    """
    if header.architecture != "gptoss":
        return
    size = "120b" if (header.whole("gptoss.block_count") or 0) > 24 else "20b"
    raise BadModelFile(
        path, "is gpt-oss in a form that only ollama reads",
        cause="its architecture is called gptoss and its tensors have other names; it would have to be written anew",
        hint=f"oss pull gpt-oss-{size}",
    )  # fmt: skip


def recognise(source: Source, catalogue: Catalogue, on_bytes: OnBytes) -> tuple[CatalogueEntry | None, Source]:
    """The catalogue's model with exactly these bytes, and the source with its hashes if they had to be taken.

    Hashes the files only when all their sizes are right.
    """
    sizes = [path.stat().st_size for path in source.files]
    hashes: list[str] = []
    for entry in catalogue:
        for release in (entry.files, *(older.files for older in entry.also)):
            if [file.bytes for file in release] != sizes:
                continue
            hashes = hashes or [hash_file(path, on_bytes) for path in source.files]
            if [file.sha256 for file in release] == hashes:
                return entry, replace(source, hashes=tuple(hashes))
    return None, replace(source, hashes=tuple(hashes))


def default_name(source: Source) -> str:
    """What to call a model when nobody says: by its file's name, or by its header's where the file is a blob.

    Raises:
        BadUsage: neither has a name.
    """
    first = source.files[0]
    if not _OLLAMA_BLOB.fullmatch(first.name):
        return own_name(first) if first.suffix.lower() == ".gguf" else first.name
    name = re.sub(r"[^a-z0-9._]+", "-", source.title.lower()).strip("-.")
    if not name:
        raise BadUsage(
            "the model needs a name", cause="its header has none", hint=f"oss import {quoted(first)} --name NAME"
        )
    return name


def place(
    source: Source,
    folder: Path,
    name: str,
    method: Method | None,
    on_bytes: OnBytes,
    *,
    hard_link: HardLink = os.link,
) -> Imported:
    """Bring all files into our folder under a name; all of them or none. Reads every byte once, for its SHA-256.

    method: None: a hard link, or a symbolic link where the system forbids that, or a copy from another disk.
    hard_link: the system's call.

    Raises:
        BadUsage: a hard link was asked for and cannot be.
        DiskTooSmall: a copy needs more than is free.
        CannotWrite: the system refuses.
    """
    targets = [folder / part for part in _target_names(name, len(source.files))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        method = method or _choose(source.files[0], folder, hard_link)
        if method is Method.COPY:
            _check_space(source, folder, name)
        done: list[Path] = []
        hashes = []
        try:
            for number, (origin, target) in enumerate(zip(source.files, targets, strict=True)):
                known = source.hashes[number] if source.hashes else None
                hashes.append(_place(origin, target, method, known, on_bytes, hard_link))
                done.append(target)
        except BaseException:  # Ctrl-C as well: half a split model is worth nothing
            for target in done:
                target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(folder, error) from error
    return Imported(tuple(targets), method, tuple(hashes))


def note_import(manifest_file: Path, name: str, imported: Imported) -> None:
    """Write down what was brought in, so that it can be verified later.

    Raises:
        CannotWrite: the manifest cannot be written.
    """
    stats = [path.stat() for path in imported.files]
    files = tuple(
        RecordedFile(path.name, stat.st_size, sha256, stat.st_mtime_ns)
        for path, stat, sha256 in zip(imported.files, stats, imported.hashes, strict=True)
    )
    record = Record(name, files, shape=readable_shape(imported.files[0]))
    change_manifest(manifest_file, lambda manifest: manifest.with_model(record))


def _folder_error(folder: Path) -> BadUsage:
    found = sorted(path for path in folder.rglob("*.gguf") if path.is_file())[:8]
    if not found:
        return BadUsage(f"{folder} is a folder without a GGUF", hint="oss import model.gguf")
    listed = "\n".join(str(path) for path in found)
    return BadUsage(f"{folder} is a folder", cause=f"it holds\n{listed}", hint=f"oss import {quoted(found[0])}")


def _target_names(name: str, parts: int) -> list[str]:
    if parts == 1:
        return [f"{name}.gguf"]
    # llama.cpp finds the parts by these names (llama_split_path).
    return [f"{name}-{number:05}-of-{parts:05}.gguf" for number in range(1, parts + 1)]


def _choose(origin: Path, folder: Path, hard_link: HardLink) -> Method:
    """A hard link costs nothing and survives the original; another disk may be pulled out, so it is copied from."""
    probe = folder / f".{os.getpid()}.probe"
    probe.unlink(missing_ok=True)
    try:
        hard_link(origin.resolve(), probe)
    except OSError as error:
        # Linux refuses links to files of others (protected_hardlinks): ollama's service has a user of its own.
        if error.errno in (errno.EPERM, errno.EACCES) and _can_symlink(probe, origin):
            return Method.SYMLINK
        return Method.COPY
    finally:
        probe.unlink(missing_ok=True)
    return Method.HARD_LINK


def link_method(source: Source, folder: Path) -> Method:
    """The link that can be had: hard, else symbolic.

    Raises:
        CannotWrite: our folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        method = _choose(source.files[0], folder, os.link)
    except OSError as error:
        raise CannotWrite(folder, error) from error
    return Method.HARD_LINK if method is Method.HARD_LINK else Method.SYMLINK


def _can_symlink(probe: Path, origin: Path) -> bool:
    try:
        probe.symlink_to(origin)
    except OSError:
        return False
    return True


def _place(
    origin: Path, target: Path, method: Method, known: str | None, on_bytes: OnBytes, hard_link: HardLink
) -> str:
    if target.is_symlink() and not target.exists():
        target.unlink()  # its file has been taken away, by `ollama rm` for one
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))  # a copy would take its place
    origin = origin.resolve()
    if method is Method.COPY:
        return _copy(origin, target, on_bytes)
    sha256 = known or hash_file(origin, on_bytes)
    if method is Method.HARD_LINK:
        hard_link(origin, target)
    else:
        target.symlink_to(origin)
    return sha256


def _copy(origin: Path, target: Path, on_bytes: OnBytes) -> str:
    """A copy that appears under its name once it is whole; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with origin.open("rb", buffering=0) as source, temporary.open("xb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                copy.write(chunk)
                digest.update(chunk)
                on_bytes(len(chunk))
            copy.flush()
            os.fsync(copy.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()


def _check_space(source: Source, folder: Path, name: str) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if source.total_bytes > free_bytes:
        again = f"oss import {quoted(source.files[0])} --name {name}"
        raise DiskTooSmall(
            folder,
            needed_bytes=source.total_bytes,
            free_bytes=free_bytes,
            again=again,
            move="oss config set models_folder FOLDER",
        )
