"""Files that are no GGUF, or no longer one: BadModelFile with the reason, whatever the bytes."""

import os
import random
from pathlib import Path
from struct import pack
from time import perf_counter

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.errors import BadModelFile, ExitCode
from oss_cli.store.gguf import parse_header, read_header, read_model, shape
from tests.store.gguf_files import write_gguf


def failure(path: Path) -> tuple[str, str]:
    with pytest.raises(BadModelFile) as caught:
        read_header(path)
    assert caught.value.exit_code == ExitCode.ENGINE
    return caught.value.message.removeprefix(f"{path} "), caught.value.cause


def gguf_of(*parts: bytes, version: int = 3, tensors: int = 0, keys: int = 0) -> bytes:
    return b"GGUF" + pack("<IQQ", version, tensors, keys) + b"".join(parts)


def text(value: bytes) -> bytes:
    return pack("<Q", len(value)) + value


def key(name: bytes, kind: int, value: bytes) -> bytes:
    return text(name) + pack("<I", kind) + value


def tensor(*dimensions: int, kind: int = 0, offset: int = 0) -> bytes:
    return text(b"t") + pack(f"<I{len(dimensions)}QIQ", len(dimensions), *dimensions, kind, offset)


NOT_A_GGUF = "is not a GGUF file"
DAMAGED = "is damaged"
CUT_SHORT = "is cut short"
BAD: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "is empty", ""),
    "web page": (b"\n<!DOCTYPE html><html>", NOT_A_GGUF, "it is a web page"),
    "lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:27cd6c\nsize 12109566624\n",
        NOT_A_GGUF,
        "it is a Git LFS pointer of 78 bytes; the model itself has 12,109,566,624",
    ),
    "older format": (b"tjgg\x03\0\0\0", NOT_A_GGUF, "it is a model in the format that came before GGUF"),
    "safetensors": (pack("<Q", 99) + b'{"__metadata__"', NOT_A_GGUF, "it is a safetensors file"),
    "zip": (b"PK\x03\x04...", NOT_A_GGUF, "it is a zip archive or a PyTorch checkpoint"),
    "json": (b'{"error": "not found"}', NOT_A_GGUF, "it is a JSON text"),
    "zeros": (bytes(1000), NOT_A_GGUF, "it is nothing but zeros: a download that was never filled in"),
    "something else": (b"hello", NOT_A_GGUF, "it does not begin with the letters GGUF"),
    "magic alone": (b"GGUF", CUT_SHORT, "its header alone needs 8 bytes or more, the file has 4"),
    "version 1": (gguf_of(version=1), "is a GGUF of version 1", "versions 2 and 3 can be read"),
    "version 4": (gguf_of(version=4), "is a GGUF of version 4", "versions 2 and 3 can be read"),
    "other byte order": (
        gguf_of(version=3 << 24),
        "is a GGUF for big-endian machines",
        "only little-endian files can be read",
    ),
    "many tensors": (gguf_of(tensors=2**60), DAMAGED, "its header holds 1,152,921,504,606,846,976 tensors"),
    "many keys": (gguf_of(keys=10**6), DAMAGED, "its header holds 1,000,000 keys"),
    "long text": (
        gguf_of(pack("<Q", 2**62), keys=1),
        DAMAGED,
        "its header holds a text of 4,611,686,018,427,387,904 bytes at byte 24",
    ),
    "text past the end": (
        gguf_of(pack("<Q", 100), keys=1),
        CUT_SHORT,
        "its header alone needs 132 bytes or more, the file has 32",
    ),
    "unknown kind": (
        gguf_of(key(b"k", 13, b""), keys=1),
        DAMAGED,
        "its header holds a value of the unknown kind 13 at byte 33",
    ),
    "array of arrays": (
        gguf_of(key(b"k", 9, pack("<IQ", 9, 1)), keys=1),
        DAMAGED,
        "its header holds an array of the unknown kind 9 at byte 37",
    ),
    "long array": (
        gguf_of(key(b"k", 9, pack("<IQ", 12, 2**61)), keys=1),
        DAMAGED,
        "its header holds an array of 18,446,744,073,709,551,616 bytes at byte 49",
    ),
    "long list": (
        gguf_of(key(b"k", 9, pack("<IQ", 8, 2**40)), keys=1),
        DAMAGED,
        "its header holds a list of 1,099,511,627,776 texts at byte 49",
    ),
    "list past the end": (
        gguf_of(key(b"k", 9, pack("<IQ", 8, 2000)), text(b"x"), keys=1),
        CUT_SHORT,
        "its header alone needs 66 bytes or more, the file has 58",
    ),
    "a key twice": (
        gguf_of(key(b"k", 0, b"\1"), key(b"k", 0, b"\1"), keys=2),
        DAMAGED,
        "its header holds the key 'k' twice",
    ),
    "alignment": (
        gguf_of(key(b"general.alignment", 4, pack("<I", 24)), keys=1),
        DAMAGED,
        "its header holds an alignment of 24",
    ),
    "no dimensions": (gguf_of(tensor(), tensors=1), DAMAGED, "its header holds the tensor 't' with 0 dimensions"),
    "tensor type": (
        gguf_of(tensor(32, kind=4), tensors=1),
        DAMAGED,
        "its header holds the tensor 't' of the unknown type 4",
    ),
    "broken rows": (
        gguf_of(tensor(33, 2, kind=8), tensors=1),
        DAMAGED,
        "its header holds the tensor 't' of 33 x 2 weights of type Q8_0",
    ),
    "tensor offset": (
        gguf_of(tensor(32, offset=5), tensors=1),
        DAMAGED,
        "its header holds the tensor 't' at byte 5, which is no multiple of 32",
    ),
    "no weights": (gguf_of(tensor(32), tensors=1), CUT_SHORT, "it needs 192 bytes, and has 57"),
}


@pytest.mark.parametrize(("content", "problem", "cause"), BAD.values(), ids=BAD)
def test_a_bad_file_is_told_with_its_reason(tmp_path: Path, content: bytes, problem: str, cause: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    assert failure(path) == (problem, cause)


def test_a_file_cut_in_its_weights_is_told_with_both_sizes(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert failure(path) == (CUT_SHORT, f"it needs {len(content):,} bytes, and has {len(content) - 100:,}")


def test_a_big_endian_file_of_llama_cpps_own_writer_is_told(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(str(tmp_path / "m.gguf"), "llama", endianess=gguf.GGUFEndian.BIG)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert failure(tmp_path / "m.gguf")[0] == "is a GGUF for big-endian machines"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert failure(tmp_path / "m.gguf") == ("does not exist", "")


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert failure(tmp_path) == (NOT_A_GGUF, "it is a folder")


def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    assert failure(tmp_path / "m.gguf") == (NOT_A_GGUF, "it is not a file")


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").symlink_to(tmp_path / "m.gguf")
    assert failure(tmp_path / "m.gguf") == ("cannot be read", "Too many levels of symbolic links")


def test_a_server_that_sends_too_little_is_told() -> None:
    with pytest.raises(BadModelFile) as caught:
        parse_header(
            lambda offset, length: b"GGUF"[offset : offset + length], "https://example.org/m.gguf", file_bytes=1000
        )
    assert caught.value.message == "https://example.org/m.gguf is cut short"
    assert caught.value.cause == "its header alone needs 8 bytes or more, the file has 4"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gguf_of(), "its header names no architecture"),
        (gguf_of(key(b"general.architecture", 8, text(b"x")), keys=1), "its header lacks x.block_count"),
        (
            gguf_of(key(b"general.architecture", 8, text(b"x")), key(b"x.block_count", 8, text(b"seven")), keys=2),
            "x.block_count is no whole number: seven",
        ),
        (
            gguf_of(key(b"general.architecture", 8, text(b"x")), key(b"x.block_count", 4, pack("<I", 2**31)), keys=2),
            "x.block_count is 2,147,483,648",
        ),
    ],
)
def test_a_header_without_a_shape_is_told(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(BadModelFile) as caught:
        shape(read_header(path))
    assert caught.value.cause == cause


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "m.gguf", tokens=1500).read_bytes()


def outcome(content: bytes | bytearray, folder: Path) -> str:
    """ "shape" or "BadModelFile"; anything else that is raised fails the test."""
    path = folder / "m.gguf"
    path.write_bytes(content)
    began = perf_counter()
    try:
        shape(read_model(path))
    except BadModelFile:
        return "BadModelFile"
    finally:
        assert perf_counter() - began < 1
    return "shape"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6), cut=st.floats(0, 2))
def test_no_damage_raises_anything_but_bad_model_file(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]], cut: float
) -> None:
    content = bytearray(whole)
    for place, value in flips:
        # Cubed: most flips hit the keys at the beginning, not the long vocabulary.
        content[min(int(place**3 * len(content)), len(content) - 1)] = value
    end = len(content) if cut > 1 else int(cut * len(content))
    assert outcome(content[:end], tmp_path_factory.getbasetemp()) in ("shape", "BadModelFile")


def test_each_single_byte_of_the_first_keys_may_be_damaged(whole: bytes, tmp_path: Path) -> None:
    generator = random.Random(1)
    outcomes = set()
    for place in range(0, 700, 2):
        content = bytearray(whole)
        content[place] ^= 1 << generator.randrange(8)
        outcomes.add(outcome(content, tmp_path))
    assert outcomes == {"shape", "BadModelFile"}


def test_every_cut_is_a_bad_model_file(whole: bytes, tmp_path: Path) -> None:
    assert {outcome(whole[:end], tmp_path) for end in range(0, len(whole), 1511)} == {"BadModelFile"}
