"""A file that holds one state of a cache: bytes of the engine's, and behind them what they are, proved by sums.

    what the engine wrote | windows | tokens, 4 bytes each | facts, JSON | trailer

The trailer comes last, so that the engine may write the beginning of the file itself, however large it is. Whatever is
not exactly as it was written is refused before anybody reads the engine's bytes: they are trusted blindly there. Knows
no engine, and nothing of where the file is. The format is our own; `VERSION` grows whenever it or its meaning changes.
"""

import json
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

VERSION = 1
_MAGIC = b"oss-kv\r\n"
_TRAILER = struct.Struct("<8sIIQQII")
"""Magic, version, bytes of the facts, of the tokens, of all before them; the sum of all before; the sum of the rest."""
_MOST_FACTS_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """What a sliding window held at an earlier place."""

    length: int
    """How many tokens the cache held then."""
    offset: int
    """Where its bytes begin in the file."""
    size: int


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What a state is the state of."""

    key: str
    """Of the model and all else that has to be the same."""
    owner: str
    """The conversation; empty: none."""
    stable_tokens: int
    """How many of the tokens the next prompt will begin with."""
    tokens: list[int]
    windows: tuple[Window, ...] = ()

    def usable(self, shared: int, *, forgets: bool) -> int:
        """How many tokens of a prompt can be taken from here, if it begins with the first `shared` of these.

        forgets: whether the cache has windows, so that it can only be cut back to where one was kept.
        """
        if not forgets or shared == len(self.tokens):
            return shared
        return max((window.length for window in self.windows if window.length <= shared), default=0)


def seal(path: Path, *, key: str, owner: str, stable_tokens: int, tokens: Sequence[int], windows: Sequence[Any]) -> int:
    """Append to what the engine wrote all that makes it a state; the whole size in bytes.

    windows: pairs of a length and its bytes.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("r+b") as file:
        file.seek(0, 2)
        kept = []
        for length, state in windows:
            kept.append([length, file.tell(), len(state)])
            file.write(state)
        file.flush()
        body_bytes = file.tell()
        body_sum = _sum_of(file, body_bytes)
        token_bytes = array("i", tokens).tobytes()
        facts = {"key": key, "owner": owner, "stable": stable_tokens, "windows": kept}
        fact_bytes = json.dumps(facts, sort_keys=True).encode()
        head = _MAGIC, VERSION, len(fact_bytes), len(token_bytes), body_bytes, body_sum
        rest = _sum_of_rest(token_bytes, fact_bytes, head)
        file.seek(body_bytes)
        file.write(token_bytes + fact_bytes + _TRAILER.pack(*head, rest))
        return file.tell()


def read_facts(path: Path) -> StateFacts | None:
    """What a file is the state of; None: it is not whole, not ours, or of another version. Reads only its end."""
    try:
        with path.open("rb") as file:
            return _read_facts(file)
    except OSError:
        return None


def is_whole(path: Path) -> bool:
    """Whether all of a file is as it was written. Reads all of it (0.1 s for 100 MB that were read before)."""
    try:
        with path.open("rb") as file:
            trailer = _read_trailer(file)
            if trailer is None:
                return False
            *_, body_bytes, body_sum, _ = trailer
            return bool(_sum_of(file, body_bytes) == body_sum)
    except OSError:
        return False


def _read_facts(file: BinaryIO) -> StateFacts | None:
    trailer = _read_trailer(file)
    if trailer is None:
        return None
    *head, rest = trailer
    _, _, fact_count, token_count, body_bytes, _ = head
    file.seek(body_bytes)
    token_bytes, fact_bytes = file.read(token_count), file.read(fact_count)
    if _sum_of_rest(token_bytes, fact_bytes, tuple(head)) != rest:
        return None
    tokens = array("i")
    tokens.frombytes(token_bytes)
    facts = json.loads(fact_bytes)  # proved by the sum: we wrote it
    windows = tuple(Window(*window) for window in facts["windows"])
    return StateFacts(facts["key"], facts["owner"], facts["stable"], tokens.tolist(), windows)


def _read_trailer(file: BinaryIO) -> tuple[Any, ...] | None:
    """The fields of the trailer, as far as they fit the file's size."""
    size = file.seek(0, 2)
    if size < _TRAILER.size:
        return None
    file.seek(size - _TRAILER.size)
    fields = _TRAILER.unpack(file.read(_TRAILER.size))
    magic, version, fact_bytes, token_bytes, body_bytes, _, _ = fields
    if magic != _MAGIC or version != VERSION or fact_bytes > _MOST_FACTS_BYTES or token_bytes % 4:
        return None
    return fields if body_bytes + token_bytes + fact_bytes + _TRAILER.size == size else None


def _sum_of(file: BinaryIO, size: int) -> int:
    """CRC-32 of the first bytes of a file: 81 ms for 100 MB, a quarter of BLAKE2's time. It is to find what a disk or
    a power cut did; whoever may write into the folder can do anything anyway.
    """
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    file.seek(0)
    total = 0
    while size > 0:
        count = file.readinto(buffer[: min(size, _CHUNK_BYTES)])  # type: ignore[attr-defined]  # a BufferedReader has it
        if not count:
            return -1
        total = zlib.crc32(buffer[:count], total)
        size -= count
    return total


def _sum_of_rest(token_bytes: bytes, fact_bytes: bytes, head: tuple[Any, ...]) -> int:
    return zlib.crc32(_TRAILER.pack(*head, 0), zlib.crc32(fact_bytes, zlib.crc32(token_bytes)))
