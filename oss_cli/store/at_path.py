"""What is at a path, for those who may not be allowed to look: what cannot be seen counts as not there.

Before Python 3.14 pathlib raises a PermissionError for such a path, where os.path does not.
"""

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a file is there, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path) -> bool:
    """Whether a folder is there, or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def is_link(path: Path) -> bool:
    """Whether a symbolic link is there, wherever it leads."""
    return os.path.islink(path)  # noqa: PTH114 - see above


def is_there(path: Path) -> bool:
    """Whether anything is there; of a link, where it leads."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def may_be_there(path: Path) -> bool:
    """Whether anything is there, or it cannot be told."""
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # ValueError: no path at all
        return False
    return True


def bytes_at(path: Path) -> int | None:
    """A file's size; None: there is none."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def found_in(folder: Path, pattern: str) -> list[Path]:
    """What of a folder matches a pattern, as `Path.glob` has it, in order."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
