"""What llama.cpp can compute on: asked of the build that is installed, and read out of what other builds say."""

import re

import pytest

from oss_cli.engine.llama.api import C
from oss_cli.engine.llama.devices import (
    build_version,
    can_offload,
    keep_experts_on_cpu,
    list_features,
    list_gpus,
    parse_features,
)
from oss_cli.machine.graphics import has_avx2


def test_a_build_without_gpus_lists_none() -> None:
    gpus = list_gpus()
    assert can_offload() or gpus == ()
    assert all(0 < gpu.free_bytes <= gpu.total_bytes and gpu.description for gpu in gpus)


def test_a_build_that_uses_avx2_runs_on_a_processor_that_has_it() -> None:
    features = list_features()
    assert features
    assert "AVX2" not in features or has_avx2() is not False


def test_the_version_is_the_packages() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", build_version())


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 0 | ", ("SSE3", "AVX2")),
        ("CUDA : ARCHS = 500,890 | USE_GRAPHS = 1 | CPU : AVX = 1 | FMA = 0 | ", ("CUDA", "AVX")),
        ("Metal : EMBED_LIBRARY = 1 | CPU : NEON = 1 | ACCELERATE = 1 | ", ("Metal", "NEON", "ACCELERATE")),
        ("", ()),
    ],
    ids=["cpu", "cuda", "metal", "nothing"],
)  # fmt: skip
def test_features_are_read_out_of_llama_cpps_system_info(text: str, features: tuple[str, ...]) -> None:
    assert parse_features(text) == features


def test_the_override_names_each_layers_experts_and_ends_with_nothing() -> None:
    rows = keep_experts_on_cpu(2)
    assert [row.pattern for row in rows] == [
        rb"blk\.0\.ffn_(up|down|gate|gate_up)_(ch|)exps",
        rb"blk\.1\.ffn_(up|down|gate|gate_up)_(ch|)exps",
        None,
    ]
    assert rows[0].buffer_type and rows[2].buffer_type is None
    assert keep_experts_on_cpu(0) is None


def test_the_override_fits_llama_cpps_structure() -> None:
    assert any(name == "tensor_buft_overrides" for name, _ in C.llama_model_params._fields_)
