"""What other programs have on this disk: where ollama and LM Studio keep models, and the use of a file of theirs.

It is hashed once and linked into the cache, instead of being fetched. Links cost no space; when the other program
removes its file, a symbolic link leads nowhere, the model counts as missing, and is fetched.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from oss_cli.catalogue import ModelFile
from oss_cli.store.at_path import found_in
from oss_cli.store.model_files import has_size
from oss_cli.store.verify import hash_file


def find_elsewhere(file: ModelFile) -> Path | None:
    """A file of exactly this hash by name, or size and name, among what ollama and LM Studio have; not hashed yet."""
    for store in ollama_stores():
        blob = store / "blobs" / f"sha256-{file.sha256}"
        if has_size(blob, file.bytes):
            return blob
    name = Path(file.name).name
    for found in found_in(lm_studio_folder(), f"*/*/{name}"):
        if has_size(found, file.bytes):
            return found
    return None


def ollama_stores() -> Iterator[Path]:
    """Where ollama keeps models. Source: ollama, envconfig/config.go; its Linux service has a user of its own."""
    explicit = os.environ.get("OLLAMA_MODELS")
    if explicit:
        yield _expand(explicit)
    yield _expand("~/.ollama/models")
    yield Path("/usr/share/ollama/.ollama/models")


def lm_studio_folder() -> Path:
    """Where LM Studio keeps models."""
    return _expand("~/.lmstudio/models")


def _expand(folder: str) -> Path:
    """The folder, or one that is not there where nobody knows whose home is meant: Path.expanduser would fail."""
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - see above


def adopt(found: Path, blob: Path, sha256: str, on_bytes: Callable[[int], None]) -> bool:
    """Link a file to a blob's place if it has that hash; whether it was done. Reads all of it: 14 s for 12 GB."""
    try:
        if hash_file(found, on_bytes) != sha256:
            return False
        blob.parent.mkdir(parents=True, exist_ok=True)
        temporary = blob.with_name(f".{uuid.uuid4().hex[:8]}.tmp")
        if not _link(found.resolve(), temporary):
            return False
        temporary.replace(blob)
    except OSError:  # gone or not readable: then it is fetched, as if it had never been there
        return False
    return True


def _link(found: Path, place: Path) -> bool:
    """A hard link, or a symbolic one: other disks, and other people's files (Linux's protected_hardlinks)."""
    for make in (os.link, os.symlink):
        try:
            make(found, place)
        except OSError:
            continue
        return True
    return False
