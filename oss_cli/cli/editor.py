"""The user's own editor, on a file of the user's own. Knows nothing of what is in it."""

import os
import sys
from pathlib import Path

from oss_cli.errors import BadUsage


def check_editor(*, otherwise: str) -> None:
    """Refuse where nobody could edit.

    otherwise: the command that does it without an editor.

    Raises:
        BadUsage: there is no terminal.
    """
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadUsage("an editor needs a terminal", hint=otherwise)


def open_editor(path: Path, *, again: str) -> None:
    """Open $VISUAL, $EDITOR or what the system has, and wait until it is left.

    again: the command that was given, for the hint.

    Raises:
        BadUsage: it cannot be started, or says that it failed.
    """
    import shlex
    import subprocess

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    try:
        status = subprocess.call([*shlex.split(editor, posix=os.name != "nt"), str(path)])
    except OSError as error:
        cause = str(error.strerror)
        raise BadUsage(f"{editor} cannot be started", cause=cause, hint=f"EDITOR=nano {again}") from error
    if status != 0:
        raise BadUsage(f"{editor} ended with status {status}")
