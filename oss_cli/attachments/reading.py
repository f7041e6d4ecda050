"""Files → attachments, refused before they are read where they cannot fit. Never waits for a pipe or a device."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from oss_cli.attachments.attachment import Attachment
from oss_cli.attachments.decoding import SNIFFED_BYTES, binary_kind, decode, decode_certainly
from oss_cli.attachments.finding import FoundFile, find_files, find_named
from oss_cli.attachments.mentions import find_mentions
from oss_cli.errors import BadUsage, DoesNotFit, format_bytes

T = TypeVar("T")

_READ_AT_ONCE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Attached:
    """What comes of the files that were asked for."""

    attachments: tuple[Attachment, ...]
    notices: tuple[str, ...] = ()
    """A sentence for each file of a folder or pattern that was left out, and for each mention of no file."""


class _NotText(Exception):
    """Why a file is not attached."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def attach_files(argument: str, *, byte_limit: int) -> Attached:
    """The text files that are named after `/file`: files, folders, patterns.

    Args:
        argument: paths, as typed.
        byte_limit: more than this, all files together, cannot fit the context; nothing is read then.

    Raises:
        BadUsage: a file that was named is missing, unreadable, binary or no file at all; or there is none.
        DoesNotFit: the files are larger than the limit.
    """
    return _read_all(find_files(argument), byte_limit)


def attach_named(names: Sequence[str], *, byte_limit: int, encoding: str = "") -> Attached:
    """The text files of some paths that stand each by itself: files, folders, patterns.

    encoding: what all of them are in; empty: each is looked at.

    Raises:
        BadUsage: as `attach_files`; or one of them is not in that encoding.
        DoesNotFit: the files are larger than the limit.
    """
    return _read_all(find_named(names), byte_limit, encoding)


def attach_mentions(text: str, *, byte_limit: int) -> Attached:
    """The text files that a message mentions as `@path`; what names no file stays text.

    Raises:
        BadUsage: a file that is mentioned is unreadable or binary.
        DoesNotFit: the files are larger than the limit.
    """
    mentions = find_mentions(text)
    attached = _read_all([FoundFile(one.path, is_named=True) for one in mentions.files], byte_limit)
    return Attached(attached.attachments, mentions.notices)


def _read_all(files: Sequence[FoundFile], byte_limit: int, encoding: str = "") -> Attached:
    notices: list[str] = []
    sizes = _of_each(files, partial(_look_at, takes_all=bool(encoding)), notices)
    _check_size(sizes, byte_limit)
    attachments = _of_each(
        [file for file, _ in sizes], partial(_read, byte_limit=byte_limit, encoding=encoding), notices
    )
    if files and not attachments:
        raise BadUsage("there is no text to attach", cause="\n".join(notices))
    return Attached(tuple(attachment for _, attachment in attachments), tuple(notices))


def _of_each(files: Sequence[FoundFile], read: Callable[[Path], T], notices: list[str]) -> list[tuple[FoundFile, T]]:
    """What is read of each file that is text; of the others, those that nobody named get a notice."""
    texts = []
    for file in files:
        try:
            texts.append((file, read(file.path)))
        except _NotText as error:
            if file.is_named:
                raise BadUsage(f"{file.path} cannot be attached", cause=error.reason) from error
            notices.append(f"{file.path} is left out: {error.reason}")
    return texts


def _check_size(texts: Sequence[tuple[FoundFile, int]], byte_limit: int) -> None:
    size = sum(one for _, one in texts)
    if size <= byte_limit:
        return
    what = f"{texts[0][0].path} is" if len(texts) == 1 else f"these {len(texts):,} files are"
    raise DoesNotFit(
        f"{what} larger than the context",
        cause=f"{format_bytes(size)} of text, and the context holds less than {format_bytes(byte_limit)}",
    )


def _look_at(path: Path, *, takes_all: bool) -> int:
    """A file's size, once its beginning has been seen to be text; or whatever it is.

    Raises:
        _NotText: it is none, or cannot be read.
    """
    with _opened(path) as file:
        kind = binary_kind(file.read(SNIFFED_BYTES) or b"")
        if kind is not None and not takes_all:
            raise _NotText(f"it is not text; it seems to be {kind}")
        return os.fstat(file.fileno()).st_size


def _read(path: Path, byte_limit: int, encoding: str) -> Attachment:
    with _opened(path) as file:
        data = file.read(byte_limit + 1) or b""  # files that grow, and those in /proc, which have no size
    if len(data) > byte_limit:
        raise DoesNotFit(f"{path} is larger than the context", cause=f"it has more than {format_bytes(byte_limit)}")
    if encoding:
        try:
            return Attachment(path, decode_certainly(data, encoding), encoding)
        except UnicodeDecodeError as error:
            raise _NotText(f"it is not {encoding}: byte {error.start:,} is 0x{data[error.start]:02x}") from error
    decoded = decode(data)
    if decoded is None:
        raise _NotText("it is not text in any encoding that is known here")
    return Attachment(path, decoded.text, decoded.encoding)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """An ordinary file, to be read.

    Raises:
        _NotText: it is none, or something went wrong with it, here or in the block.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - beside the open below
        if not stat.S_ISREG(mode):
            raise _NotText("it is no ordinary file")
        with open(os.open(path, _READ_AT_ONCE), "rb") as file:  # noqa: PTH123 - by descriptor
            yield file
    except FileNotFoundError as error:
        raise _NotText("there is no such file") from error
    except OSError as error:
        raise _NotText(error.strerror or str(error)) from error
