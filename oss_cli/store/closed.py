"""Folders and files of models that this user may not read: a model may be there and not be seen."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oss_cli.store.at_path import found_in, is_folder


@dataclass(frozen=True, slots=True)
class ClosedPath:
    """One of them."""

    path: Path
    reason: str
    """As the system says it."""

    @property
    def command(self) -> str:
        """What opens it."""
        return opening_command(self.path)


def find_closed(*folders: Path) -> Iterator[ClosedPath]:
    """Those of the folders that are there and cannot be read."""
    for folder in folders:
        try:
            with os.scandir(folder):
                os.stat(folder / ".")  # noqa: PTH116 - a Path has no dot at its end, which needs the right to enter
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield ClosedPath(folder, error.strerror or str(error))


def find_closed_in_cache(cache: Path, repository: str = "*--*") -> list[ClosedPath]:
    """Those of a Hugging Face cache, or of one repository's folder in it; not what is inside of another one."""
    closed = list(find_closed(cache))
    for folder in () if closed else found_in(cache, f"models--{repository.replace('/', '--')}"):
        outer = list(find_closed(folder))
        inner = () if outer else (folder / "blobs", folder / "snapshots", folder / "refs")
        closed += outer or find_closed(*inner, *(() if outer else found_in(folder / "snapshots", "*")))
    return closed


def opening_command(path: Path) -> str:
    """What makes a file or folder, or the folder that hides it, readable and writable for this user."""
    if os.name == "nt":
        return f'icacls "{path}" /grant "{os.environ.get("USERNAME") or "Users"}:F"'
    try:
        is_ours = path.stat().st_uid == os.geteuid()
    except PermissionError:
        return opening_command(path.parent)
    except OSError:
        is_ours = False
    quoted = shlex.quote(str(path))
    if not is_ours:  # as after a `sudo oss pull`
        return f'sudo chown -R "$(id -un)" {quoted}'
    return f"chmod u+rw{'x' if is_folder(path) else ''} {quoted}"
