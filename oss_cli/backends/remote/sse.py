"""Server-sent events out of bytes, wherever they are cut. Knows nothing of what they say.

Source: the HTML standard, section 9.2.6 "Interpreting an event stream" (2026-11); of an event only its data counts.
"""

import re
from collections.abc import Iterable, Iterator

from oss_cli.http import HttpTrouble

_LINE_END = re.compile(rb"\r\n|\n|\r")
_MOST_BYTES = 64 << 20
"""Of one event: more is no reply of a model."""


def read_events(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event, as soon as it is complete; one that the end cuts short is not told.

    Raises:
        HttpTrouble: an event never ends, or is no UTF-8.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(chunks):
        if not line:
            if data:
                yield _decoded(b"\n".join(data))
            data, size = [], 0
            continue
        name, _, value = line.partition(
            b":"
        )  # a line that begins with a colon is a comment: it keeps connections alive
        if name == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
            size += len(value)
            if size > _MOST_BYTES:
                raise HttpTrouble("an event of the stream has no end")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, without their ends; what comes after the last end is no line."""
    rest, is_first, ends_with_return = b"", True, False
    for chunk in chunks:
        if not chunk:
            continue
        if ends_with_return and chunk.startswith(b"\n"):  # of a \r\n that was cut in two
            chunk = chunk[1:]
        ends_with_return = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(rest + chunk)
        if len(rest) > _MOST_BYTES:
            raise HttpTrouble("a line of the stream has no end")
        for line in lines:
            yield line.removeprefix(b"\xef\xbb\xbf") if is_first else line
            is_first = False


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise HttpTrouble("the stream is not UTF-8") from error
