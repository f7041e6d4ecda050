"""Streams in memory, as a pipe, a dumb terminal, a terminal and a terminal with colours would be."""

import io
from enum import Enum

from oss_cli.terminal.console import Console, Stream


class Kind(Enum):
    """What is at the other end: is_watched, has_escapes, has_colour."""

    PIPE = (False, False, False)
    DUMB = (True, False, False)
    PLAIN = (True, True, False)
    COLOUR = (True, True, True)


class Output:
    """A stream, and what was written to it."""

    def __init__(self, kind: Kind) -> None:
        self._file = io.StringIO(newline="")
        is_watched, has_escapes, has_colour = kind.value
        self.stream = Stream(self._file, is_watched=is_watched, has_escapes=has_escapes, has_colour=has_colour)

    @property
    def text(self) -> str:
        """Everything so far."""
        return self._file.getvalue()


class Screen:
    """A console whose two streams can be read."""

    def __init__(self, out: Kind, err: Kind) -> None:
        self._out, self._err = Output(out), Output(err)
        self.console = Console(self._out.stream, self._err.stream)

    @property
    def texts(self) -> tuple[str, str]:
        """What stands on stdout, and what on stderr."""
        return self._out.text, self._err.text


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now
