"""How errors look: what failed, its cause, the next command; and what is no error, but should be known."""

from oss_cli.errors import OssError
from oss_cli.terminal.console import Console, Stream


def show_error(error: OssError, stream: Stream) -> None:
    """Write an error of ours."""
    stream.alarm("error:")
    stream.write(f" {error.message}\n")
    for line in error.cause.splitlines():
        stream.write(f"  {line}\n")
    if error.hint:
        stream.bold("hint:")
        stream.write(f" {error.hint}\n")


def show_warning(text: str, stream: Stream) -> None:
    """Write what should be known, while the command goes on."""
    stream.alarm("warning:")
    stream.write(f" {text}\n")


def show_notice(console: Console, text: str) -> None:
    """Tell a person something; a pipe is not told."""
    if console.err.is_watched:
        console.err.dim(f"({text})\n")


def show_bug(summary: str, log_path: str, stream: Stream) -> None:
    """Write the one line that an error which is our own fault gets."""
    stream.alarm("error:")
    stream.write(f" this is a bug in oss: {summary} (the details are in {log_path})\n")
