"""GGUF files on this disk: opening one, telling what it is when it is none, and finding the parts of a split one."""

import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from oss_cli.errors import BadModelFile
from oss_cli.plan import ModelShape
from oss_cli.store.closed import opening_command
from oss_cli.store.gguf.header import MAGIC, GgufHeader, parse_header
from oss_cli.store.gguf.shape import shape

# What people have instead of a model, by how it begins.
_LOOKALIKES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|\?xml)", re.IGNORECASE | re.DOTALL), "a web page"),
    (re.compile(rb"(ggml|ggjt|ggla|lmgg|tjgg|algg)"), "a model in the format that came before GGUF"),
    (re.compile(rb'.{8}\{"', re.DOTALL), "a safetensors file"),
    (re.compile(rb"PK\x03\x04"), "a zip archive or a PyTorch checkpoint"),
    (re.compile(rb"\s*[\[{]"), "a JSON text"),
    (re.compile(rb"\x00+\Z"), "nothing but zeros: a download that was never filled in"),
)
_LFS_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/.*?^size (\d{1,18})$", re.DOTALL | re.MULTILINE)
_PART_NAME = re.compile(r"(?P<stem>.*)-\d{5}-of-(?P<count>\d{5})\.gguf", re.IGNORECASE | re.DOTALL)
# split.count is a 16-bit number, but the names have five digits and nobody splits this finely.
_PARTS_LIMIT = 1000


def read_header(path: Path) -> GgufHeader:
    """The header of one GGUF file, its size checked. 65 ms for a vocabulary as large as gpt-oss's (measured).

    Raises:
        BadModelFile: there is no such file, it is not a GGUF, or it is damaged or cut short.
    """
    try:
        # Before opening: to open a pipe would wait for its writer.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            raise BadModelFile(path, "is not a GGUF file", cause=f"it is {what}")
        with path.open("rb", buffering=0) as file:
            _check_beginning(path, file.read(512), status.st_size)
            return parse_header(lambda offset, length: _read(file, offset, length), path, file_bytes=status.st_size)
    except FileNotFoundError as error:
        raise BadModelFile(path, "does not exist") from error
    except OSError as error:
        cause, hint = error.strerror or str(error), _hint(path, error)
        raise BadModelFile(path, "cannot be read", cause=cause, hint=hint) from error


def _hint(path: Path, error: OSError) -> str:
    return opening_command(Path(os.path.realpath(path))) if isinstance(error, PermissionError) else ""


def read_model(path: Path) -> GgufHeader:
    """The header of a whole model: of a split one, the first part's metadata and the tensors of all parts.

    Tensor offsets then count within each part. `needed_bytes` of such a header means nothing; `tensor_bytes` does.

    Raises:
        BadModelFile: as `read_header`; a part is missing, or belongs to something else.
    """
    header = read_header(path)
    paths = shard_paths(path, header)
    if len(paths) == 1:
        return header
    missing = [part.name for part in paths if not part.exists()]
    if missing:
        cause = f"missing of its {len(paths)} parts: {', '.join(missing)}"
        raise BadModelFile(path, "is not complete", cause=cause)
    parts = [header if part == path else read_header(part) for part in paths]
    for number, part in enumerate(parts):
        if (part.whole("split.no"), part.whole("split.count")) != (number, len(parts)):
            cause = f"its header says part {_part(part)}, its name {number + 1} of {len(parts)}"
            raise BadModelFile(paths[number], "is not the part that its name says", cause=cause)
    joined = replace(parts[0], tensors=tuple(tensor for part in parts for tensor in part.tensors))
    expected = joined.whole("split.tensors.count")
    if expected is not None and expected != len(joined.tensors):
        cause = f"its parts hold {len(joined.tensors):,} tensors, the first one's header says {expected:,}"
        raise BadModelFile(path, "is damaged", cause=cause)
    return joined


def readable_shape(path: Path) -> ModelShape | None:
    """A model's shape, out of the headers of all its parts; None where they do not tell it."""
    try:
        return shape(read_model(path))
    except BadModelFile:
        return None


def is_damaged(path: Path) -> bool:
    """Whether a model is cut short or no GGUF at all; of one that we may not read, nobody can tell."""
    try:
        read_model(path)
    except BadModelFile as error:
        return not isinstance(error.__cause__, PermissionError)
    return False


def shard_paths(path: Path, header: GgufHeader) -> tuple[Path, ...]:
    """Where all parts of this model should be, in order; the path alone when it is not split.

    Raises:
        BadModelFile: it is a part, but its name does not say so, and the others cannot be found.
    """
    count = header.whole("split.count") or 1
    if count == 1:
        return (path,)
    if count > _PARTS_LIMIT:
        raise BadModelFile(path, "is damaged", cause=f"its header says that it has {count:,} parts")
    name = _PART_NAME.fullmatch(path.name)
    if name is None or int(name["count"]) != count:
        number = (header.whole("split.no") or 0) + 1
        cause = f"it is part {_part(header)}: its name has to end in -{number:05}-of-{count:05}.gguf, as the others' do"
        raise BadModelFile(path, "cannot be used under this name", cause=cause)
    return tuple(path.with_name(f"{name['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1))


def _part(header: GgufHeader) -> str:
    number, count = header.whole("split.no"), header.whole("split.count")
    return f"{(number or 0) + 1} of {count or 1}"


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    chunks = []
    # An unbuffered read may give less than it was asked for.
    while length and (chunk := file.read(length)):
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)


def _check_beginning(path: Path, beginning: bytes, file_bytes: int) -> None:
    if beginning[:4] == MAGIC:
        return
    if not beginning:
        raise BadModelFile(path, "is empty")
    pointer = _LFS_POINTER.match(beginning)
    if pointer:
        cause = f"it is a Git LFS pointer of {file_bytes:,} bytes; the model itself has {int(pointer[1]):,}"
        raise BadModelFile(path, "is not a GGUF file", cause=cause)
    for pattern, what in _LOOKALIKES:
        if pattern.match(beginning):
            raise BadModelFile(path, "is not a GGUF file", cause=f"it is {what}")
    raise BadModelFile(path, "is not a GGUF file", cause="it does not begin with the letters GGUF")
