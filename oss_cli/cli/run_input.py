"""What `oss run` is given to read: files, standard input, the prompt, in this order. Knows no model and no template."""

import shlex
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import BadUsage, DoesNotFit, format_bytes

if TYPE_CHECKING:
    from oss_cli.attachments import Attachment

MOST_BYTES = 32_000_000
"""More text than any context holds: 131,072 tokens of gpt-oss are about half a megabyte."""

_STANDARD_INPUT = ("-", "/dev/stdin")


@dataclass(frozen=True, slots=True)
class Input:
    """What there was to read."""

    text: str
    """All of it, files in fences under their names."""
    typed: str = ""
    """The part that is in no file, if there are files."""
    notices: tuple[str, ...] = ()
    """What of the files was left out."""


@dataclass(frozen=True, slots=True)
class InputSources:
    """Where to read."""

    prompt: str | None
    """As on the command line; `-` stands for standard input."""
    files: Sequence[str] = ()
    """Names as on the command line; `-` stands for standard input."""
    encoding: str = ""
    """Of the files and of standard input; empty: files are looked at, standard input is UTF-8."""

    def __post_init__(self) -> None:
        """Raises BadUsage where standard input would have two places, a file no name, or the encoding is none."""
        if "" in self.files:  # a shell's variable that was not set; as a path it would be the whole folder
            raise BadUsage("a file without a name cannot be read", cause="-f was given an empty text")
        if (self.prompt == "-") + sum(name in _STANDARD_INPUT for name in self.files) > 1:
            raise BadUsage("standard input is named twice", cause="it can be read only once")
        if self.encoding:
            _check_encoding(self.encoding)


def read_input(sources: InputSources, *, is_raw: bool = False) -> Input:
    """Read it all; waits for the end of standard input, unless a person would have to type it unasked.

    is_raw: whether nothing may be added between its parts, or taken away at their ends.

    Raises:
        BadUsage: the input is no text, or a file cannot be read.
        DoesNotFit: it is larger than any context.
    """
    is_a_file = any(name in _STANDARD_INPUT for name in sources.files)
    names_input = sources.prompt == "-" or is_a_file
    piped = _read_standard_input(sources.encoding) if names_input or not standard_input_is_a_terminal() else ""
    attachments, notices = _read_files(sources, piped)
    if is_a_file:
        piped = ""
    prompt = "" if sources.prompt in (None, "-") else sources.prompt or ""
    parts = [part for part in (piped.rstrip("\n"), prompt) if part.strip()]
    text = piped + prompt if is_raw else "\n\n".join(parts)
    check_letters(text)
    if not attachments:  # nothing of that room is imported (4 ms)
        return Input(text, "", notices)
    from oss_cli.attachments import put_before

    whole = put_before(text, attachments)
    return Input(whole if text else whole.rstrip("\n"), text if attachments else "", notices)


def missing_prompt(model: str | None) -> BadUsage:
    """The error where there was nothing to read."""
    named = f" -m {shlex.quote(model)}" if model else ""
    return BadUsage("there is no prompt", hint=f'oss run{named} "Why is the sky blue?"')


def check_letters(*texts: str) -> None:
    """Refuse bytes of the command line that are no letters.

    Raises:
        BadUsage: there are some.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadUsage("the prompt is not UTF-8 text", cause=f"character {error.start} is no letter") from error


def standard_input_is_a_terminal() -> bool:
    """Whether a person could be typing; a closed standard input counts as an empty one."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _read_files(sources: InputSources, piped: str) -> "tuple[list[Attachment], tuple[str, ...]]":
    """The files, standard input in its place among them."""
    if not sources.files:
        return [], ()
    from oss_cli.attachments import Attachment, attach_named

    attachments: list[Attachment] = []
    notices: list[str] = []
    for name in sources.files:
        if name in _STANDARD_INPUT:
            attachments.append(Attachment(Path("standard input"), piped, sources.encoding or "utf-8"))
            continue
        if _is_pipe(name):
            attachments.append(Attachment(Path(name), _read_pipe(name, sources.encoding), sources.encoding or "utf-8"))
            continue
        left = MOST_BYTES - sum(len(one.text) for one in attachments)
        attached = attach_named([name], byte_limit=left, encoding=sources.encoding)
        attachments += attached.attachments
        notices += attached.notices
    return attachments, tuple(notices)


def _is_pipe(name: str) -> bool:
    """Whether a name stands for what another command writes, as `<(...)` of a shell does."""
    try:
        return stat.S_ISFIFO(Path(name).stat().st_mode)
    except OSError:
        return False


def _read_pipe(name: str, encoding: str) -> str:
    try:
        with Path(name).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadUsage(f"{name} cannot be read", cause=error.strerror or str(error)) from error
    return _decode(data, name, encoding)


def _read_standard_input(encoding: str) -> str:
    if sys.stdin is None or sys.stdin.closed:
        return ""
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
    except OSError as error:  # it can only be written to, say; where it is a folder, Python itself does not start
        raise BadUsage("standard input cannot be read", cause=error.strerror or str(error)) from error
    return _decode(data, "standard input", encoding)


def _decode(data: bytes, name: str, encoding: str) -> str:
    """The text of what was piped. name: of where it came from, for people."""
    if not data:
        return ""
    from oss_cli.attachments import SNIFFED_BYTES, binary_kind, decode_certainly

    if len(data) > MOST_BYTES:
        limit = format_bytes(MOST_BYTES)
        raise DoesNotFit(f"{name} is larger than any context", cause=f"it has more than {limit}")
    hint = "" if encoding else "if it is a text, name its encoding: --encoding latin-1"
    kind = binary_kind(data[:SNIFFED_BYTES])
    if kind not in (None, "binary data") and not encoding:
        raise BadUsage(f"{name} is not text", cause=f"it seems to be {kind}", hint=hint)
    try:
        text = decode_certainly(data, encoding)
    except UnicodeDecodeError as error:
        raise BadUsage(
            f"{name} is not {encoding or 'UTF-8'} text",
            cause=f"byte {error.start:,} of {len(data):,} is 0x{data[error.start]:02x}",
            hint=hint,
        ) from error
    if "\0" in text and not encoding:
        raise BadUsage(f"{name} is not text", cause="it holds NUL bytes", hint=hint)
    return text


def _check_encoding(name: str) -> None:
    try:
        b"x".decode(name)
    except UnicodeDecodeError:
        return
    except LookupError as error:
        hint = "--encoding utf-16, cp1252, latin-1, shift-jis, gb18030, ..."
        raise BadUsage(f"there is no encoding called {name!r}", hint=hint) from error
