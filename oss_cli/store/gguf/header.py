"""The bytes at the beginning of a GGUF file → GgufHeader. Touches no file system and knows no architecture.

Source: docs/gguf.md in ggml-org/ggml (versions 2 and 3); limits on what is accepted are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from struct import Struct

from oss_cli.errors import BadModelFile
from oss_cli.store.gguf.cursor import Cursor, Read
from oss_cli.store.gguf.tensor_types import TENSOR_TYPES

MAGIC = b"GGUF"

# Longer arrays (the vocabulary) are only counted; those for every layer have a few hundred elements at most.
_KEPT_ELEMENTS = 1024
# gpt-oss has 40 keys and DeepSeek-V3 1,100 tensors; far more is a damaged count.
_KEYS_LIMIT = 2_000
_TENSORS_LIMIT = 100_000
_ALIGNMENT_LIMIT_BYTES = 1 << 20
_NUMBERS = {
    0: Struct("<B"),
    1: Struct("<b"),
    2: Struct("<H"),
    3: Struct("<h"),
    4: Struct("<I"),
    5: Struct("<i"),
    6: Struct("<f"),
    7: Struct("<?"),
    10: Struct("<Q"),
    11: Struct("<q"),
    12: Struct("<d"),
}
_STRING = 8
_ARRAY = 9


@dataclass(frozen=True, slots=True)
class SkippedArray:
    """An array that was only counted."""

    length: int


Value = int | float | bool | str | tuple[int | float | bool | str, ...] | SkippedArray


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor, without its weights."""

    name: str
    dimensions: tuple[int, ...]
    """As the file orders them: the length of a row first."""
    type_name: str
    """ggml's: "F32", "Q4_K", "MXFP4"."""
    offset: int
    """From the beginning of the tensor data, in bytes."""
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """All that stands before the weights."""

    source: Path | str
    """The file, or the address it was read from; for messages."""
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    """Where the tensor data begins: the size of the header."""

    @property
    def needed_bytes(self) -> int:
        """The least that the file has to have, so that every tensor is whole."""
        return max((self.data_offset + t.offset + t.bytes for t in self.tensors), default=0)

    @property
    def tensor_bytes(self) -> int:
        """All tensors together."""
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def architecture(self) -> str:
        """llama.cpp's name of the architecture; empty when the file does not say."""
        name = self.metadata.get("general.architecture")
        return name if isinstance(name, str) else ""

    def whole(self, key: str) -> int | None:
        """A whole number that is not negative, or None when the header has no such key.

        Raises:
            BadModelFile: the key holds something else.
        """
        value = self.metadata.get(key)
        if value is None:
            return None
        if type(value) is not int or value < 0:
            raise BadModelFile(self.source, "is damaged", cause=f"{key} is no whole number: {str(value)[:40]}")
        return value


def parse_header(
    read: Read, source: Path | str, *, file_bytes: int, chunk_bytes: int = 1 << 20, check_size: bool = True
) -> GgufHeader:
    """The header of a GGUF that is read in chunks from its beginning on; the weights are never asked for.

    read: gives the bytes of a range; fewer only at the end of the file.
    file_bytes: the size of the whole file.
    check_size: refuse a file that ends before its last tensor does.

    Raises:
        BadModelFile: not a GGUF, one of another version or byte order, damaged, or cut short.
    """
    cursor = Cursor(read, source, file_bytes=file_bytes, chunk_bytes=chunk_bytes)
    if cursor.u32().to_bytes(4, "little") != MAGIC:
        raise BadModelFile(source, "is not a GGUF file", cause="it does not begin with the letters GGUF")
    version = cursor.u32()
    _check_version(version, source)
    tensor_count = cursor.u64()
    key_count = cursor.u64()
    if tensor_count > _TENSORS_LIMIT:
        raise cursor.bad(f"{tensor_count:,} tensors")
    if key_count > _KEYS_LIMIT:
        raise cursor.bad(f"{key_count:,} keys")
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = cursor.string()
        if key in metadata:
            raise cursor.bad(f"the key {key[:80]!r} twice")
        metadata[key] = _value(cursor, cursor.u32())
    alignment = _alignment(metadata, cursor)
    tensors = tuple(_tensor(cursor, alignment) for _ in range(tensor_count))
    data_offset = -(-cursor.offset // alignment) * alignment
    header = GgufHeader(source, version, metadata, tensors, data_offset)
    if check_size and header.needed_bytes > file_bytes:
        cause = f"it needs {header.needed_bytes:,} bytes, and has {file_bytes:,}"
        raise BadModelFile(source, "is cut short", cause=cause)
    return header


def _check_version(version: int, source: Path | str) -> None:
    # As llama.cpp tells them apart (gguf.cpp): a version in the upper half only was written in the other byte order.
    if version and version & 0xFFFF == 0:
        problem = "is a GGUF for big-endian machines"
        raise BadModelFile(source, problem, cause="only little-endian files can be read")
    if version not in (2, 3):
        problem = f"is a GGUF of version {version}"
        raise BadModelFile(source, problem, cause="versions 2 and 3 can be read")


def _value(cursor: Cursor, kind: int) -> Value:
    if kind in _NUMBERS:
        return cursor.number(_NUMBERS[kind])
    if kind == _STRING:
        return cursor.string()
    if kind != _ARRAY:
        raise cursor.bad(f"a value of the unknown kind {kind} at byte {cursor.offset - 4:,}")
    kind, length = cursor.u32(), cursor.u64()
    if kind != _STRING and kind not in _NUMBERS:
        raise cursor.bad(f"an array of the unknown kind {kind} at byte {cursor.offset - 12:,}")
    if length <= _KEPT_ELEMENTS:
        return tuple(cursor.string() if kind == _STRING else cursor.number(_NUMBERS[kind]) for _ in range(length))
    if kind == _STRING:
        cursor.skip_strings(length)
    else:
        cursor.skip(length * _NUMBERS[kind].size)
    return SkippedArray(length)


def _alignment(metadata: Mapping[str, Value], cursor: Cursor) -> int:
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment.bit_count() != 1 or not 0 < alignment <= _ALIGNMENT_LIMIT_BYTES:
        raise cursor.bad(f"an alignment of {str(alignment)[:40]}")
    return alignment


def _tensor(cursor: Cursor, alignment: int) -> TensorInfo:
    name = cursor.string()
    rank = cursor.u32()
    if not 1 <= rank <= 4:
        raise cursor.bad(f"the tensor {name[:80]!r} with {rank:,} dimensions")
    dimensions = tuple(cursor.u64() for _ in range(rank))
    number = cursor.u32()
    offset = cursor.u64()
    kind = TENSOR_TYPES.get(number)
    if kind is None:
        raise cursor.bad(f"the tensor {name[:80]!r} of the unknown type {number}")
    weights = prod(dimensions)
    if not 0 < weights < 2**48 or dimensions[0] % kind.block_weights:
        shown = " x ".join(str(dimension) for dimension in dimensions)
        raise cursor.bad(f"the tensor {name[:80]!r} of {shown} weights of type {kind.name}")
    if offset % alignment:
        raise cursor.bad(f"the tensor {name[:80]!r} at byte {offset:,}, which is no multiple of {alignment}")
    return TensorInfo(name, dimensions, kind.name, offset, weights // kind.block_weights * kind.block_bytes)
