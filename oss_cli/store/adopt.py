"""Bytes that another program has on this disk already: hashed once, and linked into the cache instead of fetched.

Knows nothing of other programs: it is told where the same bytes may be. Links cost no space; when the other program
removes its file, a symbolic link leads nowhere, the model counts as missing, and is fetched.
"""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

from oss_cli.store.verify import hash_file


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
