"""Where the chat's lines come from. Here: a pipe, whose lines are a script of turns."""

from typing import Protocol, TextIO


class Reader(Protocol):
    """Somebody who types."""

    is_person: bool
    """Whether prompts and hints are of use to them."""

    def read(self) -> str:
        """The next message or command.

        Raises:
            EOFError: nothing more will come.
            KeyboardInterrupt: Ctrl-C at the prompt.
        """

    def offer(self, text: str) -> None:
        """Let the next `read` begin with this text, to be changed or sent again."""


class PipeReader:
    """Lines of a file; blank ones say nothing and are skipped."""

    is_person = False

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def read(self) -> str:
        """The next line that says something."""
        for line in self._file:
            if line.strip():
                return line.rstrip("\r\n")
        raise EOFError

    def offer(self, text: str) -> None:
        """A script sends its lines once."""
