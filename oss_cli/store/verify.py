"""Hashing model files again and holding them against what was published. Shows nothing; progress goes to a callback."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oss_cli.catalogue import CatalogueEntry
from oss_cli.errors import BadModelFile
from oss_cli.store.closed import opening_command
from oss_cli.store.gguf import read_header
from oss_cli.store.installed import InstalledModel
from oss_cli.store.model_files import model_files

# 1 MiB: as fast as larger ones, and a Ctrl-C is noticed at once.
_CHUNK_BYTES = 1 << 20
_BLOB_NAME = re.compile(r"(?:sha256-)?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What became of one file."""

    path: Path
    is_known: bool
    """Whether its SHA-256 is known; if not, only its header and its size were looked at."""
    problem: str = ""
    """What is wrong; empty: nothing."""
    cure: str = ""
    """The command against it, where that is not to fetch the file anew."""


def check_file(path: Path, sha256: str | None, on_bytes: Callable[[int], None] = lambda count: None) -> CheckedFile:
    """Read a whole file and compare; without a hash, read its header.

    on_bytes: gets the size of every piece read.
    """
    if sha256 is None:
        try:
            read_header(path)
        except BadModelFile as error:
            problem = error.message.removeprefix(f"{path} ")
            problem = f"{problem}: {error.cause}" if error.cause else problem
            return CheckedFile(path, is_known=False, problem=problem, cure=error.hint)
        return CheckedFile(path, is_known=False)
    try:
        found = hash_file(path, on_bytes)
    except OSError as error:
        cure = opening_command(Path(os.path.realpath(path))) if isinstance(error, PermissionError) else ""
        return CheckedFile(path, is_known=True, problem=f"cannot be read: {error.strerror}", cure=cure)
    if found != sha256:
        return CheckedFile(path, is_known=True, problem=f"its SHA-256 is {found}, it should be {sha256}")
    return CheckedFile(path, is_known=True)


def hash_file(path: Path, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """A file's SHA-256, in lower case. Blocks: about a second for each GB."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def known_hashes(model: InstalledModel) -> list[tuple[Path, str | None]]:
    """Every file of a model and its SHA-256, where that is known: as it was published, or when it was brought here."""
    files = model_files(model.path)
    published = _published(model.entry, files) if model.entry is not None else {}
    if model.record is not None:
        recorded = {Path(file.path).name: file.sha256 for file in model.record.files}
        published = {path: recorded[path.name] for path in files if path.name in recorded} | published
    return [(path, published.get(path) or _hash_in_link(path)) for path in files]


def is_touched(model: InstalledModel, path: Path) -> bool:
    """Whether a file was written to since it was verified and brought here, as far as its date tells."""
    files = model.record.files if model.record is not None else ()
    dates = {Path(file.path).name: file.mtime_ns for file in files}
    known = dates.get(path.name)
    return bool(known) and path.stat().st_mtime_ns != known


def _published(entry: CatalogueEntry, files: tuple[Path, ...]) -> dict[Path, str]:
    """The hashes of the release that these files are: by their names, else by their number and sizes."""
    releases = (entry.files, *(older.files for older in entry.also))
    names = [path.name for path in files]
    sizes = [path.stat().st_size for path in files]
    for release in releases:
        if [Path(file.name).name for file in release] == names:
            return {path: file.sha256 for path, file in zip(files, release, strict=True)}
    for release in releases:
        if [file.bytes for file in release] == sizes:
            return {path: file.sha256 for path, file in zip(files, release, strict=True)}
    return {}


def _hash_in_link(path: Path) -> str | None:
    """The Hub's and ollama's blobs are named by their hash; one step only: shared blobs have names of another kind."""
    found = _BLOB_NAME.fullmatch(path.readlink().name if path.is_symlink() else "")
    return found[1] if found else None
