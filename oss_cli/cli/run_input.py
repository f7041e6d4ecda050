"""What `oss run` is given to read: files, standard input, the prompt, in this order. Knows no model and no template."""

import shlex
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

_STANDARD_INPUT = Path("-")


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
    files: Sequence[Path] = ()
    """`-` stands for standard input."""
    encoding: str = ""
    """Of the files and of standard input; empty: files are looked at, standard input is UTF-8."""

    def __post_init__(self) -> None:
        """Raises BadUsage where standard input would have two places, or the encoding is none."""
        if (self.prompt == "-") + self.files.count(_STANDARD_INPUT) > 1:
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
    from oss_cli.attachments import put_before

    names_input = sources.prompt == "-" or _STANDARD_INPUT in sources.files
    piped = _read_standard_input(sources.encoding) if names_input or not standard_input_is_a_terminal() else ""
    attachments, notices = _read_files(sources, piped)
    if _STANDARD_INPUT in sources.files:
        piped = ""
    prompt = "" if sources.prompt in (None, "-") else sources.prompt or ""
    parts = [part for part in (piped.rstrip("\n"), prompt) if part.strip()]
    text = piped + prompt if is_raw else "\n\n".join(parts)
    check_letters(text)
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
    from oss_cli.attachments import Attachment, attach_named

    attachments: list[Attachment] = []
    notices: list[str] = []
    for path in sources.files:
        if path == _STANDARD_INPUT:
            attachments.append(Attachment(Path("standard input"), piped, sources.encoding or "utf-8"))
            continue
        left = MOST_BYTES - sum(len(one.text) for one in attachments)
        attached = attach_named([str(path)], byte_limit=left, encoding=sources.encoding)
        attachments += attached.attachments
        notices += attached.notices
    return attachments, tuple(notices)


def _read_standard_input(encoding: str) -> str:
    if sys.stdin is None or sys.stdin.closed:
        return ""
    from oss_cli.attachments import SNIFFED_BYTES, binary_kind, decode_certainly

    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
    except OSError as error:  # a folder
        raise BadUsage("standard input cannot be read", cause=error.strerror or str(error)) from error
    if len(data) > MOST_BYTES:
        limit = format_bytes(MOST_BYTES)
        raise DoesNotFit("standard input is larger than any context", cause=f"it has more than {limit}")
    hint = "" if encoding else "if it is a text, name its encoding: --encoding latin-1"
    kind = binary_kind(data[:SNIFFED_BYTES])
    if kind not in (None, "binary data") and not encoding:
        raise BadUsage("standard input is not text", cause=f"it seems to be {kind}", hint=hint)
    try:
        text = decode_certainly(data, encoding)
    except UnicodeDecodeError as error:
        raise BadUsage(
            f"standard input is not {encoding or 'UTF-8'} text",
            cause=f"byte {error.start:,} of {len(data):,} is 0x{data[error.start]:02x}",
            hint=hint,
        ) from error
    if "\0" in text and not encoding:
        raise BadUsage("standard input is not text", cause="it holds NUL bytes", hint=hint)
    return text


def _check_encoding(name: str) -> None:
    try:
        b"x".decode(name)
    except UnicodeDecodeError:
        return
    except LookupError as error:
        hint = "--encoding utf-16, cp1252, latin-1, shift-jis, gb18030, ..."
        raise BadUsage(f"there is no encoding called {name!r}", hint=hint) from error
