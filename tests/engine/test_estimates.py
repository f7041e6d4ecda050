"""The memory estimate against what llama.cpp says that it would allocate (its own `no_alloc` loads, read from its log).

Models: the two that are here, and files of real models' shapes without weights.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from oss_cli.engine.llama.api import LOG, C
from oss_cli.machine.memory import estimate_memory
from oss_cli.plan import KvType, LoadPlan, ModelShape
from oss_cli.store.gguf import read_model, shape
from tests.machine import sparse_models

MIB = 1 << 20
SPARSE = {
    "gpt-oss-20b": sparse_models.GPT_OSS_20B,
    "llama-3.1-8b": sparse_models.LLAMA_8B,
    "llama-3.2-1b": sparse_models.LLAMA_1B,
    "qwen3-4b": sparse_models.QWEN_4B,
    "qwen3-30b-a3b": sparse_models.QWEN_30B,
    "gemma-3-1b": sparse_models.GEMMA_1B,
    "gemma-3-12b": sparse_models.GEMMA_12B,
}
PLANS = {
    "4k": LoadPlan(Path(), 2, context_tokens=4096),
    "32k": LoadPlan(Path(), 2, context_tokens=32_768),
    "128k": LoadPlan(Path(), 2, context_tokens=131_072),
    "odd": LoadPlan(Path(), 2, context_tokens=5000),
    "32k q8_0": LoadPlan(Path(), 2, context_tokens=32_768, kv_type=KvType.Q8_0),
    "32k micro-batches of 128": LoadPlan(Path(), 2, context_tokens=32_768, micro_batch_tokens=128),
    "32k micro-batches of 2048": LoadPlan(Path(), 2, context_tokens=32_768, micro_batch_tokens=2048),
    "4k, guessed": LoadPlan(Path(), 2, context_tokens=4096, guessed_tokens=16),
    "4 × 8k": LoadPlan(Path(), 2, context_tokens=8192, sequences=4),
}


@dataclass(frozen=True)
class Allocation:
    """What llama.cpp says, in bytes."""

    weights: int
    kv: float
    compute: float

    @property
    def total(self) -> float:
        return self.weights + self.kv + self.compute


def would_allocate(path: Path, plan: LoadPlan) -> Allocation:
    """What a load by this plan takes, without taking it. 0.1 s a model."""
    lines: list[str] = []
    LOG.sink = lines.append
    model = C.llama_model_default_params()
    model.no_alloc = True
    model.load_mode = 0
    model.use_extra_bufts = False
    pointer = C.llama_model_load_from_file(str(path).encode(), model)
    assert pointer, "".join(lines)[-2000:]
    context = C.llama_context_default_params()
    context.n_ctx = (plan.context_tokens or 0) * plan.sequences
    context.n_batch, context.n_ubatch = plan.batch_tokens, plan.micro_batch_tokens
    context.n_seq_max, context.kv_unified = plan.sequences, plan.sequences > 1
    context.n_outputs_max = plan.sequences + plan.guessed_tokens
    context.swa_full = False
    context.type_k = context.type_v = {KvType.F16: 1, KvType.Q8_0: 8}[plan.kv_type]
    made = C.llama_init_from_model(pointer, context)
    assert made, "".join(lines)[-2000:]
    weights = C.llama_model_size(pointer)
    C.llama_free(made)
    C.llama_model_free(pointer)
    LOG.sink = None
    text = "".join(lines)
    kv = sum(float(size) for size in re.findall(r"llama_kv_cache: size = +([\d.]+) MiB", text))
    compute = sum(float(size) for size in re.findall(r"compute buffer size = +([\d.]+) MiB", text))
    return Allocation(weights, kv * MIB, compute * MIB)


def check(path: Path, model_shape: ModelShape, plan: LoadPlan) -> None:
    real = would_allocate(path, plan)
    estimate = estimate_memory(model_shape, plan, context_tokens=plan.context_tokens or 0, gpus=0)
    assert estimate.weights_bytes == real.weights
    assert estimate.kv_bytes == pytest.approx(real.kv, rel=0.001, abs=0.01 * MIB)
    # With a cache in q8_0 llama.cpp takes other steps, of other sizes.
    is_plain = plan.kv_type is KvType.F16
    assert estimate.compute_bytes == pytest.approx(real.compute, rel=0.002 if is_plain else 0.06, abs=0.1 * MIB)
    assert estimate.total_bytes == pytest.approx(real.total, rel=0.001 if is_plain else 0.005)


@pytest.fixture(scope="session")
def sparse_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sparse")
    return {name: sparse_models.write_sparse_model(folder / f"{name}.gguf", sizes) for name, sizes in SPARSE.items()}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("name", SPARSE)
def test_an_estimate_is_what_llama_cpp_allocates(sparse_files: dict[str, Path], name: str, plan: LoadPlan) -> None:
    path = sparse_files[name]
    check(path, shape(read_model(path)), plan)


@pytest.mark.parametrize("tokens", [4096, 8192])
def test_the_estimate_holds_for_the_starter_model(smollm2: Path, tokens: int) -> None:
    check(smollm2, shape(read_model(smollm2)), LoadPlan(smollm2, 2, context_tokens=tokens))


@pytest.mark.parametrize("tokens", [512, 32_768])
def test_the_cache_of_the_tiny_gpt_oss_is_exact(tiny_gpt_oss: Path, tokens: int) -> None:
    plan = LoadPlan(tiny_gpt_oss, 2, context_tokens=tokens)
    real = would_allocate(tiny_gpt_oss, plan)
    estimate = estimate_memory(shape(read_model(tiny_gpt_oss)), plan, context_tokens=tokens, gpus=0)
    assert estimate.weights_bytes == real.weights
    assert estimate.kv_bytes == pytest.approx(real.kv, abs=0.01 * MIB)
