"""A question that is answered with yes or no, where a person is there to answer it."""

import sys

from oss_cli.errors import BadUsage
from oss_cli.terminal.console import Console


def confirm(console: Console, question: str, *, otherwise: str) -> bool:
    """Ask on standard error; only a clear yes counts.

    otherwise: the command that does it without a question.

    Raises:
        BadUsage: nobody is there to answer.
    """
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty() or not console.err.is_watched:
        raise BadUsage(f"nobody is here to answer: {question}", hint=otherwise)
    console.err.write(f"{question} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
