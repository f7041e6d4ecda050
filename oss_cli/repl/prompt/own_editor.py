"""A message in the user's own editor, $VISUAL or $EDITOR. Knows nothing of prompts."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from oss_cli.errors import BadUsage

_SUFFIX = ".md"


@contextmanager
def message_file(text: str) -> Iterator[Path]:
    """A file with the text, in a folder for its owner alone; the folder goes with all that an editor left beside it."""
    with TemporaryDirectory(prefix="oss-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"message{_SUFFIX}"
        path.touch(mode=0o600)
        path.write_text(text, "utf-8", errors="replace")
        yield path


def edit(path: Path) -> None:
    """Open a file in the user's editor and wait until it is closed.

    Raises:
        BadUsage: the editor cannot be started, or ended with an error.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    try:
        status = subprocess.call([*shlex.split(editor, posix=os.name != "nt"), str(path)])
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
