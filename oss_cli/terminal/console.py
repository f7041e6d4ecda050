"""The two output streams and what each can do. Knows nothing of what is written."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TextIO

from oss_cli.errors import ClosedPipe, OutputFailed
from oss_cli.terminal.sanitize import visible

_DIM, _RED, _BOLD, _RESET = "\x1b[2m", "\x1b[1;31m", "\x1b[1m", "\x1b[0m"
_CLEAR_LINE = "\r\x1b[2K"


_STAND_INS = str.maketrans({
    "•": "*", "·": "-", "│": "|", "─": "-", "…": "...", "›": ">", "→": "->", "×": "x", "≈": "~", "≤": "<=", "≥": ">=",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"',
    "\u00a0": " ", "\u2009": " ", "\u202f": " ",
})  # fmt: skip
"""ASCII for the signs that our lines and models' texts use most."""


def fit_to_encoding(text: str, encoding: str) -> str:
    """The text in the letters that an encoding has; where there is no stand-in, as `\\u4e2d`."""
    if text.isascii() or encoding.lower().replace("-", "").replace("_", "").startswith("utf"):
        return text
    return "".join(map(_fitting(encoding), text))


@lru_cache
def _fitting(encoding: str) -> Callable[[str], str]:
    @lru_cache(maxsize=1024)
    def fit(character: str) -> str:
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            stand_in = character.translate(_STAND_INS)
            return stand_in.encode(encoding, "backslashreplace").decode(encoding)
        return character

    return fit


@dataclass(frozen=True, slots=True)
class Stream:
    """One output stream."""

    file: TextIO
    is_watched: bool
    """Whether a person sees it: it is a terminal."""
    has_escapes: bool
    """Whether the line can be cleared and written anew."""
    has_colour: bool
    is_optional: bool = False
    """Whether all goes on, in silence, where it cannot be written."""

    def write(self, text: str) -> None:
        """Write at once; to a terminal, only what cannot drive it."""
        self._raw(self._shown(text) if self.is_watched else text)

    def style(self, text: str, code: str) -> None:
        """Write in a style, where there are colours."""
        self._raw(f"{code}{self._shown(text)}{_RESET}" if self.has_colour else self._shown(text))

    def dim(self, text: str) -> None:
        """Write so that it stays in the background."""
        self.style(text, _DIM)

    def bold(self, text: str) -> None:
        """Write so that it stands out."""
        self.style(text, _BOLD)

    def alarm(self, text: str) -> None:
        """Write as errors begin."""
        self.style(text, _RED)

    def draw(self, text: str) -> None:
        """Write text that is harmless already, with escape sequences of our own."""
        self._raw(text)

    @property
    def encoding(self) -> str:
        """What letters become on their way out."""
        return getattr(self.file, "encoding", None) or "utf-8"

    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal, as they are now."""
        try:
            columns, lines = os.get_terminal_size(self.file.fileno())
        except (OSError, ValueError):  # no terminal, or no file
            columns = lines = 0
        fallback = shutil.get_terminal_size()
        return columns or fallback.columns, lines or fallback.lines

    def clear_line(self) -> None:
        """Empty the line that the cursor is on."""
        if self.has_escapes:
            self._raw(_CLEAR_LINE)

    def _shown(self, text: str) -> str:
        shown = visible(text)
        return fit_to_encoding(shown, self.encoding) if self.is_watched else shown

    def _raw(self, text: str) -> None:
        """Write as it is.

        Raises:
            ClosedPipe: nobody reads it. Typer would make a plain BrokenPipeError an exit status of 1.
            OutputFailed: it cannot be written for another reason.
        """
        try:
            self.file.write(text)
            self.file.flush()
        except OSError as error:
            if self.is_optional:
                _let_go(self.file)
                return
            if isinstance(error, BrokenPipeError):
                raise ClosedPipe from error
            if error.errno == errno.EINVAL and sys.platform == "win32":  # how Windows says it
                raise ClosedPipe from error
            raise OutputFailed(error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class Console:
    """Where answers go, and where everything else goes."""

    out: Stream
    err: Stream


def open_console(*, needs_err: bool = True) -> Console:
    """The process's own streams.

    needs_err: whether it is an error if standard error cannot be written.
    """
    return Console(out=_stream(sys.stdout), err=replace(_stream(sys.stderr), is_optional=not needs_err))


def prepare_streams() -> None:
    """Make the process write UTF-8 with plain line feeds to pipes and files, and never fail on a letter.

    A terminal keeps its own encoding: a letter that it lacks is shown as its code.

    Raises:
        OutputFailed: standard output is closed, as by `>&-`: an answer would be lost.
    """
    _hold_descriptors()
    is_closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as we do
        stream = getattr(sys, name)
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="backslashreplace")
        else:
            reconfigure(encoding="utf-8", errors="replace", newline="\n")
    if is_closed:
        raise OutputFailed("standard output is closed")


def _hold_descriptors() -> None:
    """Keep the numbers of standard streams that are closed from files of ours: what C code writes to standard error,
    whatever becomes of it, must not land in one.
    """
    with contextlib.suppress(OSError):  # a system without it
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)


def _let_go(file: TextIO) -> None:
    """Let what is written to a dead stream go nowhere, also what waits in it for the end of the process."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def _stream(file: TextIO) -> Stream:
    is_terminal = file.isatty()
    has_escapes = is_terminal and os.environ.get("TERM") != "dumb" and _understands_escapes()
    has_colour = has_escapes and not os.environ.get("NO_COLOR")
    return Stream(file, is_watched=is_terminal, has_escapes=has_escapes, has_colour=has_colour)


def _understands_escapes() -> bool:
    """On Windows, escape sequences have to be switched on; everywhere else terminals know them."""
    if sys.platform != "win32":
        return True
    import ctypes  # 10 ms, and only here

    kernel32 = ctypes.windll.kernel32
    enable_virtual_terminal, standard_output, standard_error = 0x0004, -11, -12
    for number in (standard_output, standard_error):
        handle = kernel32.GetStdHandle(number)
        mode = ctypes.c_uint32()
        if kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
            kernel32.SetConsoleMode(handle, mode.value | enable_virtual_terminal)
    return True
