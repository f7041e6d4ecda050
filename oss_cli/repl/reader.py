"""Where the chat's lines come from. Here: a pipe, whose lines are a script of turns."""

from typing import BinaryIO, Protocol

from oss_cli.errors import BadUsage


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

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0

    def read(self) -> str:
        """The next line that says something.

        Raises:
            EOFError: nothing more will come.
            BadUsage: the line is not UTF-8 text.
        """
        for data in self._file:
            self._number += 1
            line = self._decode(data)
            if line.strip():
                return line.rstrip("\r\n")
        raise EOFError

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = data[error.start]
            raise BadUsage(
                "standard input is not UTF-8 text", cause=f"line {self._number}, byte {error.start} is 0x{byte:02x}"
            ) from error

    def offer(self, text: str) -> None:
        """A script sends its lines once."""
