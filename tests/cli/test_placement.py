"""Where a model goes, from the command line on: the options, the sentence, and the refusal of what cannot fit."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.machine.record import write_record
from oss_cli.wiring import describe_fit, next_best_model
from tests.harness import run_oss
from tests.machine.machines import workstation
from tests.machine.sparse_models import GPT_OSS_20B, write_sparse_model
from tests.machine.test_fit_tables import shape_of


@pytest.fixture(scope="session")
def huge_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gpt-oss of 500 layers: 211 GB without a weight in them, takes up a megabyte."""
    return write_sparse_model(
        tmp_path_factory.mktemp("huge") / "huge.gguf", replace(GPT_OSS_20B, layers=500, experts=320)
    )


def test_a_model_that_cannot_fit_is_refused_with_numbers_before_it_is_loaded(huge_model: Path) -> None:
    result = run_oss("run", "-m", str(huge_model), "Hi")
    assert (result.stdout, result.status) == ("", 5)
    assert re.fullmatch(
        r"error: huge does not fit on this computer\n"
        r"  needs 21\d\d\.\d GB: weights 21\d\d\.\d GB, a context of 4,096 tokens 2\.\d GB, work space 102 MB\n"
        r"  there is [\d.]+ GB of [\d.]+ GB of memory free\n"
        r"  to try it all the same, and slowly: --gpu-layers 0\n"
        r"hint: oss (chat|pull) \S+\n",
        result.stderr,
    )


def test_verbose_tells_where_the_model_goes(tiny_gpt_oss: Path) -> None:
    result = run_oss(
        "run", "-v", "-m", str(tiny_gpt_oss), "--max-tokens", "1", "--kv-type", "q8_0", "--threads", "1", "Hi"
    )
    assert re.search(
        r"^tiny-gpt-oss: all 4 layers on the CPU, a context of up to [\d,]+ tokens, \d+ MB of memory "
        r"\(weights \d+ kB, cache \d+ MB, work space \d+ MB\), about \d+ tokens/s by estimate$",
        result.stderr,
        re.MULTILINE,
    )
    assert "K (q8_0)" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--gpu-layers", "0"],
        ["--gpu-layers", "-1", "--cpu-moe", "99"],
        ["--cpu-moe", "2", "--no-mmap"],
        ["--kv-type", "q8_0", "--ctx", "512", "--mlock"],
        ["--threads", "1", "--kv-type", "f16"],
    ],
    ids=" ".join,
)
def test_every_placement_gives_the_same_answer(tiny_gpt_oss: Path, options: list[str]) -> None:
    arguments = ["-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "Say the word banana."]
    assert run_oss("run", *options, *arguments).stdout == run_oss("run", *arguments).stdout != ""


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--kv-type", "q4_0", "kv_type cannot be 'q4_0'\n  it must be f16 or q8_0\n"),
        ("--cpu-moe", "-1", "cpu_moe cannot be '-1'\n  it must be a whole number from 0 to 2147483647\n"),
        ("--threads", "0", "threads cannot be '0'\n  it must be a whole number from 1 to 512\n"),
    ],
)
def test_a_part_that_cannot_be_is_refused(option: str, value: str, message: str) -> None:
    result = run_oss("run", option, value, "Hi")
    assert (result.stderr, result.status) == (f"error: {message}", 2)


def test_placement_can_be_a_setting(tmp_path: Path, tiny_gpt_oss: Path) -> None:
    config = tmp_path / "oss-home" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('kv_type = "q8_0"\nno_mmap = true\nmlock = false\ncpu_moe = 1\n')
    result = run_oss("run", "-v", "-m", str(tiny_gpt_oss), "--max-tokens", "1", "Hi")
    assert "K (q8_0)" in result.stderr and "buffer type overridden" in result.stderr
    assert "CPU_Mapped" not in result.stderr


def test_a_context_longer_than_the_models_is_refused_before_it_is_loaded(huge_model: Path) -> None:
    result = run_oss("run", "-m", str(huge_model), "--ctx", "999999", "Hi")
    assert (result.stderr, result.status) == (
        "error: the context is larger than the model's\n"
        "  999,999 tokens were asked for, it was trained for 131,072\n"
        "hint: --ctx 131072\n",
        5,
    )


def test_a_verdict_before_the_download_needs_the_shape_alone(tmp_path: Path) -> None:
    write_record(tmp_path / "oss-home" / "cache" / "probe.json", workstation(), 0.0)
    shape = shape_of("gpt-oss-120b")
    fits, sentence = describe_fit(shape, shape.tensor_bytes)
    assert fits is True
    assert sentence.startswith("all 36 layers on NVIDIA H100 PCIe, a context of 131,072 tokens, 68.5 GB of memory")
    huge = replace(shape, dense_bytes=10**15)
    fits, lack = describe_fit(huge, huge.tensor_bytes)
    assert fits is False
    assert re.match(r"needs 10\d{5}\.\d GB: weights 10\d{5}\.\d GB, a context of 4,096 tokens 179 MB", lack)
    assert "NVIDIA H100 PCIe with 84.8 GB of 85.9 GB free" in lack


def test_nobody_can_tell_of_a_model_whose_shape_is_not_known(tmp_path: Path) -> None:
    fits, sentence = describe_fit(None, 5 * 10**9)
    assert fits is None
    assert sentence.startswith("nobody can tell whether it fits: its weights take 5.0 GB, there is ")
    assert (tmp_path / "oss-home" / "cache" / "probe.json").is_file()


def test_the_next_best_model_is_smaller_and_of_the_same_family(tmp_path: Path) -> None:
    write_record(tmp_path / "oss-home" / "cache" / "probe.json", workstation(), 0.0)
    best = next_best_model(None)
    assert best is not None and best.name == "gpt-oss-120b"
    smaller = next_best_model(shape_of("gpt-oss-120b"))
    assert smaller is not None and smaller.name == "gpt-oss-20b"
