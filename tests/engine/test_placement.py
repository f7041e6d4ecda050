"""A load plan reaches llama.cpp: what it logs of a load is what was planned."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_cli.engine.llama.api import LOG
from oss_cli.engine.llama.engine import open_engine
from oss_cli.plan import KvType, LoadPlan
from tests.conftest import MODELS
from tests.engine.generation import generate
from tests.engine.test_generation import EXAMPLES


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    LOG.sink = lines.append
    yield lines
    LOG.sink = None


def load(plan: LoadPlan) -> list[int]:
    """The tokens of a first answer on an engine that is closed again."""
    engine = open_engine(plan)
    try:
        return generate(engine, EXAMPLES[0]["prompt_ids"], max_tokens=4).tokens
    finally:
        engine.close()


def overridden_layers(lines: list[str]) -> set[int]:
    found = re.findall(r"tensor blk\.(\d+)\.ffn_\w+_exps\S* .*buffer type overridden to CPU", "".join(lines))
    return {int(layer) for layer in found}


@pytest.mark.parametrize(("layers", "expected"), [(0, set()), (1, {0}), (3, {0, 1, 2})])
def test_the_experts_of_the_first_layers_are_kept_on_the_cpu(
    tiny_gpt_oss: Path, log: list[str], layers: int, expected: set[int]
) -> None:
    tokens = load(LoadPlan(tiny_gpt_oss, 2, cpu_moe_layers=layers))
    assert overridden_layers(log) == expected
    assert tokens == EXAMPLES[0]["answer_ids"][:4]


def test_only_experts_are_overridden(tiny_gpt_oss: Path, log: list[str]) -> None:
    load(LoadPlan(tiny_gpt_oss, 2, cpu_moe_layers=4))
    names = re.findall(r"tensor (\S+) .*buffer type overridden", "".join(log))
    assert names and all("_exps." in name for name in names)


def test_an_override_does_not_undo_repacking(tiny_gpt_oss: Path, log: list[str]) -> None:
    load(LoadPlan(tiny_gpt_oss, 2, cpu_moe_layers=1, repack=True))
    assert overridden_layers(log) == {0}


@pytest.mark.parametrize(("kv_type", "name"), [(KvType.F16, "f16"), (KvType.Q8_0, "q8_0")])
def test_the_cache_has_the_type_that_was_planned(
    tiny_gpt_oss: Path, log: list[str], kv_type: KvType, name: str
) -> None:
    tokens = load(LoadPlan(tiny_gpt_oss, 2, kv_type=kv_type))
    assert set(re.findall(r"K \((\w+)\)", "".join(log))) == {name}
    assert tokens == EXAMPLES[0]["answer_ids"][:4]


@pytest.mark.parametrize(
    ("plan", "is_mapped"),
    [
        (LoadPlan(MODELS / "tiny-gpt-oss.gguf", 2), True),
        (LoadPlan(MODELS / "tiny-gpt-oss.gguf", 2, mmap=False), False),
        (LoadPlan(MODELS / "tiny-gpt-oss.gguf", 2, mlock=True), True),
        (LoadPlan(MODELS / "tiny-gpt-oss.gguf", 2, mmap=False, mlock=True), False),
    ],
    ids=["mapped", "copied", "locked", "copied and locked"],
)
def test_the_file_is_mapped_or_copied_as_planned(log: list[str], plan: LoadPlan, is_mapped: bool) -> None:
    assert load(plan) == EXAMPLES[0]["answer_ids"][:4]
    assert ("CPU_Mapped model buffer" in "".join(log)) is is_mapped


def test_batches_have_the_sizes_that_were_planned(tiny_gpt_oss: Path, log: list[str]) -> None:
    load(LoadPlan(tiny_gpt_oss, 2, batch_tokens=1024, micro_batch_tokens=256, context_tokens=4096))
    text = "".join(log)
    assert (re.findall(r"n_batch += (\d+)", text), re.findall(r"n_ubatch += (\d+)", text)) == (["1024"], ["256"])


def test_a_context_grows_to_its_limit_and_no_further(tiny_gpt_oss: Path) -> None:
    from oss_cli.errors import PromptTooLong

    engine = open_engine(LoadPlan(tiny_gpt_oss, 2, context_limit_tokens=512))
    try:
        with pytest.raises(PromptTooLong) as caught:
            generate(engine, [1] * 600)
        assert (caught.value.prompt_tokens, caught.value.context_tokens) == (600, 512)
        ended = generate(engine, EXAMPLES[0]["prompt_ids"], max_tokens=2).ended
        assert ended is not None and ended.context_tokens == 512
    finally:
        engine.close()
