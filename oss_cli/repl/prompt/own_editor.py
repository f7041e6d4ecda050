"""A message in the user's own editor, $VISUAL or $EDITOR. Knows nothing of prompts."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from oss_cli.errors import BadUsage

_SUFFIX = ".md"
_WINDOWS_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')


@contextmanager
def message_file(text: str, within: Path | None = None) -> Iterator[Path]:
    """A file with the text, in a folder for its owner alone; the folder goes with all that an editor left beside it.

    within: where that folder is made; None: among the temporary files.
    """
    with TemporaryDirectory(prefix="oss-", dir=within, ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"message{_SUFFIX}"
        path.touch(mode=0o600)
        path.write_text(text, "utf-8", errors="replace")
        yield path


def find_memory() -> tuple[Path, ...]:
    """Where files may be that are in memory alone: what is there goes with the machine, even after `kill -9`."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (*([Path(runtime)] if runtime else []), Path("/dev/shm"))


def first_writable(folders: Iterable[Path]) -> Path:
    """The first folder in which files can be made.

    Raises:
        BadUsage: there is none.
    """
    for folder in folders:
        if folder.is_absolute() and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise BadUsage("a private message is never on the disk, and there is no folder in memory: no editor is opened")


def editor_words(editor: str, *, is_windows: bool) -> list[str]:
    """The words of an editor's command line, without quotes; on Windows a backslash is one.

    Raises:
        ValueError: a quote has no end.
    """
    if not is_windows:
        return shlex.split(editor)
    if editor.count('"') % 2:
        raise ValueError("no closing quotation")
    return [word.replace('"', "") for word in _WINDOWS_WORD.findall(editor)]


def edit(path: Path) -> None:
    """Open a file in the user's editor and wait until it is closed.

    Raises:
        BadUsage: the editor cannot be started, or ended with an error.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    try:
        status = subprocess.call([*editor_words(editor, is_windows=os.name == "nt"), str(path)])
    except OSError as error:
        raise BadUsage(f"{editor} cannot be started: {error.strerror}; set EDITOR") from error
    except ValueError as error:
        raise BadUsage(f"{editor} cannot be started: a quote has no end") from error
    if status != 0:
        raise BadUsage(f"{editor} ended with status {status}")


def read_back(path: Path) -> str:
    """What the editor left, without the line end that editors put at the end.

    Raises:
        BadUsage: the file is gone.
    """
    try:
        return path.read_text("utf-8-sig", errors="replace").removesuffix("\n")
    except OSError as error:
        raise BadUsage(f"the message cannot be read: {error.strerror}") from error
