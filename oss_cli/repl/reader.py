"""Where the chat's lines come from. Here: a pipe, whose lines are a script of turns."""

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from oss_cli.errors import BadUsage
from oss_cli.repl.block import is_block, is_open, without_quotes


class Typed(str):
    """A message or command, with what the text alone does not tell. Made by readers."""

    by_hand: str
    """The part that was typed: without long pastes. Here `@path` means a file."""
    is_quoted: bool
    """Whether it is a message though it may begin with a `/`: a block in quotes, or a long paste at its beginning."""

    @classmethod
    def of(cls, text: str, *, by_hand: str, is_quoted: bool) -> "Typed":
        """The text that is sent, and what else is known of it."""
        typed = cls(text)
        typed.by_hand, typed.is_quoted = by_hand, is_quoted
        return typed

    @classmethod
    def line_or_block(cls, text: str) -> "Typed":
        """What was typed without long pastes; the quotes of a block are taken off."""
        return cls.of(without_quotes(text), by_hand=text, is_quoted=is_block(text))


class Reader(Protocol):
    """Somebody who types."""

    is_person: bool
    """Whether prompts and hints are of use to them."""

    def read(self) -> str:
        """The next message or command; may be a `Typed`, which tells more.

        Raises:
            EOFError: nothing more will come.
            KeyboardInterrupt: Ctrl-C at the prompt.
        """

    def offer(self, text: str) -> None:
        """Let the next `read` begin with this text, to be changed or sent again."""

    def watch_keys(self) -> Iterable[str]:
        """The keys pressed since the last time that mean something while a reply comes: "c-o". Never waits."""


class PipeReader:
    '''Lines of a file; blank ones say nothing and are skipped. Lines from `"""` to `"""` are one message.'''

    is_person = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0

    def read(self) -> Typed:
        """The next line or block that says something.

        Raises:
            EOFError: nothing more will come.
            BadUsage: the line is not UTF-8 text; a block has no end.
        """
        lines: list[str] = []
        for data in self._file:
            self._number += 1
            line = self._decode(data)
            if not lines and not line.strip():
                continue
            lines.append(line)
            if len(lines) > 1 and '"""' not in line:  # inside a block, however long
                continue
            text = "".join(lines)
            if not is_open(text):
                return Typed.line_or_block(text.rstrip("\r\n"))
        if not lines:
            raise EOFError
        begun_at = self._number - len(lines) + 1
        raise BadUsage(
            'standard input ends inside a """ block', cause=f"it begins in line {begun_at}", hint='end it with """'
        )

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

    def watch_keys(self) -> Iterable[str]:
        """Nobody presses keys."""
        return ()
