"""What holds for every plan: its arithmetic adds up, and more memory never makes it worse."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.machine.fit import (
    CONTEXT_FLOOR_TOKENS,
    CONTEXT_WANTED_TOKENS,
    GPU_MARGIN_BYTES,
    RAM_MARGIN_BYTES,
    RAM_SHARE,
    SHARED_MARGIN_BYTES,
    Wishes,
    describe_lack,
    describe_room,
    fit,
)
from oss_cli.machine.memory import estimate_kv_bytes
from oss_cli.plan import Fit, Gpu, KvType, Machine, ModelShape, Verdict
from tests.machine.machines import GIB, MACHINES, laptop, mac, without_gpu
from tests.machine.test_fit_tables import MODELS, shape_of

SHAPES = {model: shape_of(model) for model in MODELS}
COMPUTERS = {name: machine for group in MACHINES.values() for name, machine in group.items()}
MEMORY = st.integers(min_value=0, max_value=160 * GIB)


def rank(found: Fit) -> tuple[int, ...]:
    """The higher the better, in the order of what is given up last."""
    verdict = (Verdict.TOO_LARGE, Verdict.SLOW, Verdict.FITS).index(found.verdict)
    if found.verdict is Verdict.TOO_LARGE:
        return (verdict,)
    return (verdict, found.plan.gpu_layers, -found.plan.cpu_moe_layers, found.context_tokens)


def check(shape: ModelShape, machine: Machine, found: Fit) -> None:
    estimate, plan = found.estimate, found.plan
    assert estimate.total_bytes == estimate.weights_bytes + estimate.kv_bytes + estimate.compute_bytes
    assert estimate.weights_bytes - shape.tensor_bytes in (0, shape.embedding_bytes)  # a copy as the output matrix
    assert found.tokens_per_second > 0
    if found.verdict is Verdict.TOO_LARGE:
        return
    assert 0 <= plan.cpu_moe_layers <= shape.layers
    assert 0 <= plan.gpu_layers <= shape.layers + 1
    assert min(CONTEXT_FLOOR_TOKENS, shape.trained_context_tokens) <= found.context_tokens
    assert found.context_tokens <= shape.trained_context_tokens
    shares = any(gpu.shares_ram for gpu in machine.gpus)
    margin = SHARED_MARGIN_BYTES if shares else GPU_MARGIN_BYTES
    assert estimate.gpu.total_bytes <= sum(max(0, gpu.free_bytes - margin) for gpu in machine.gpus)
    host = estimate.total_bytes if shares else estimate.cpu.total_bytes
    grows_over = plan.context_tokens is None and found.context_tokens <= CONTEXT_WANTED_TOKENS
    if found.verdict is Verdict.FITS and not grows_over:
        assert host <= machine.available_ram_bytes - RAM_MARGIN_BYTES
    assert host <= max(RAM_SHARE * machine.total_ram_bytes, machine.available_ram_bytes - RAM_MARGIN_BYTES)


@pytest.mark.parametrize("machine", COMPUTERS.values(), ids=COMPUTERS)
@pytest.mark.parametrize("model", MODELS)
def test_every_plan_of_the_tables_adds_up(model: str, machine: Machine) -> None:
    check(SHAPES[model], machine, fit(SHAPES[model], machine))


@settings(max_examples=150, deadline=None)
@given(model=st.sampled_from(MODELS), free=MEMORY, ram=st.integers(GIB, 256 * GIB), used=MEMORY, shares=st.booleans())
def test_any_machines_plan_adds_up(model: str, free: int, ram: int, used: int, shares: bool) -> None:
    gpu = Gpu("G", "some GPU", "Vulkan", min(free, ram) if shares else free, 160 * GIB, shares)
    machine = Machine(ram, max(0, ram - used), 8, (gpu,))
    check(SHAPES[model], machine, fit(SHAPES[model], machine))


@settings(max_examples=150, deadline=None)
@given(model=st.sampled_from(MODELS), less=MEMORY, more=MEMORY, ram=st.integers(4, 256))
def test_more_memory_on_the_gpu_is_never_worse(model: str, less: int, more: int, ram: int) -> None:
    def on(free: int) -> Fit:
        gpu = Gpu("CUDA0", "NVIDIA GeForce RTX 4090", "CUDA", free, 160 * GIB)
        return fit(SHAPES[model], Machine(ram * GIB, ram * GIB - GIB, 8, (gpu,)))

    assert rank(on(min(less, more))) <= rank(on(max(less, more)))


@settings(max_examples=150, deadline=None)
@given(model=st.sampled_from(MODELS), less=MEMORY, more=MEMORY, gpu_gib=st.integers(0, 96))
def test_more_memory_beside_the_gpu_is_never_worse(model: str, less: int, more: int, gpu_gib: int) -> None:
    def on(ram: int) -> Fit:
        gpus = (Gpu("CUDA0", "NVIDIA GeForce RTX 4090", "CUDA", gpu_gib * GIB, 96 * GIB),) if gpu_gib else ()
        return fit(SHAPES[model], Machine(ram, ram * 9 // 10, 8, gpus))

    assert rank(on(min(less, more) + GIB)) <= rank(on(max(less, more) + GIB))


@settings(max_examples=80, deadline=None)
@given(model=st.sampled_from(MODELS), less=st.integers(8, 192), more=st.integers(8, 192))
def test_a_bigger_mac_is_never_worse(model: str, less: int, more: int) -> None:
    small, big = (fit(SHAPES[model], mac("M2 Max", gib)) for gib in (min(less, more), max(less, more)))
    assert rank(small) <= rank(big)


def test_experts_go_first_then_the_context_then_layers() -> None:
    gpt_oss, dense = SHAPES["gpt-oss-20b"], SHAPES["llama-3.1-8b"]
    some = fit(gpt_oss, laptop("RTX 4060", 8, 64))
    assert (some.plan.gpu_layers, some.plan.cpu_moe_layers > 0) == (25, True)
    assert some.context_tokens >= CONTEXT_WANTED_TOKENS
    short = fit(dense, laptop("RTX 4060", 8, 64))
    assert short.plan.gpu_layers == 33 and CONTEXT_FLOOR_TOKENS < short.context_tokens < CONTEXT_WANTED_TOKENS
    few = fit(dense, laptop("RTX 3050", 4, 64))
    assert 0 < few.plan.gpu_layers < 33
    # The floor, and what is left beside a whole number of layers.
    assert CONTEXT_FLOOR_TOKENS <= few.context_tokens < short.context_tokens
    none = fit(dense, laptop("MX150", 2, 64))
    assert none.plan.gpu_layers <= 1


@pytest.mark.parametrize("machine", COMPUTERS.values(), ids=COMPUTERS)
def test_what_the_user_decides_stays(machine: Machine) -> None:
    wishes = Wishes(context_tokens=8192, gpu_layers=7, cpu_moe_layers=3, kv_type=KvType.Q8_0, threads=3, mlock=True)
    plan = fit(SHAPES["gpt-oss-20b"], machine, wishes).plan
    if machine.gpus:
        assert (plan.gpu_layers, plan.cpu_moe_layers) == (7, 3)
    assert (plan.context_tokens, plan.kv_type, plan.threads, plan.mlock) == (8192, KvType.Q8_0, 3, True)


def test_a_placement_that_is_forced_and_does_not_fit_asks_the_least_of_the_gpu() -> None:
    found = fit(SHAPES["gpt-oss-120b"], laptop("RTX 3050", 4, 16), Wishes(gpu_layers=37))
    assert (found.verdict, found.plan.gpu_layers, found.plan.cpu_moe_layers) == (Verdict.TOO_LARGE, 37, 36)
    assert found.context_tokens == CONTEXT_FLOOR_TOKENS


def test_no_layer_on_the_gpu_means_none() -> None:
    found = fit(SHAPES["gpt-oss-20b"], laptop("RTX 4090", 24, 64), Wishes(gpu_layers=0))
    assert (found.plan.gpu_layers, found.estimate.gpu.total_bytes) == (0, 0)


def test_minus_one_means_every_layer() -> None:
    found = fit(SHAPES["llama-3.1-8b"], laptop("RTX 4090", 24, 64), Wishes(gpu_layers=-1))
    assert found.plan.gpu_layers == 33


def test_weights_may_exceed_what_is_available_but_not_what_there_is() -> None:
    shape = SHAPES["gpt-oss-20b"]
    assert fit(shape, Machine(16 * GIB, 6 * GIB, 8)).verdict is Verdict.SLOW
    assert fit(shape, Machine(11 * GIB, 6 * GIB, 8)).verdict is Verdict.TOO_LARGE


def test_weights_that_are_copied_or_locked_have_to_be_available() -> None:
    shape, machine = SHAPES["gpt-oss-20b"], Machine(16 * GIB, 6 * GIB, 8)
    assert fit(shape, machine, Wishes(mmap=False)).verdict is Verdict.TOO_LARGE
    assert fit(shape, machine, Wishes(mlock=True)).verdict is Verdict.TOO_LARGE


def test_a_machine_that_tells_nothing_refuses_nothing() -> None:
    assert fit(SHAPES["gpt-oss-120b"], Machine(0, 0, 4)).verdict is Verdict.FITS


@pytest.mark.parametrize(
    ("machine", "is_one_shot", "repack"),
    [
        (without_gpu(64), False, True),
        (without_gpu(64), True, False),
        (without_gpu(16), False, False),
        (laptop("RTX 4090", 24, 64), False, False),
        (laptop("RTX 4060", 8, 64), False, True),
    ],
    ids=["room for two", "one reply", "no room for two", "nothing on the CPU", "experts on the CPU"],
)
def test_what_stays_on_the_cpu_is_repacked_where_the_memory_holds_it_twice(
    machine: Machine, is_one_shot: bool, repack: bool
) -> None:
    assert fit(SHAPES["gpt-oss-20b"], machine, Wishes(is_one_shot=is_one_shot)).plan.repack is repack


def test_a_repacked_copy_that_was_asked_for_is_counted() -> None:
    shape = SHAPES["gpt-oss-20b"]
    plain, copied = (fit(shape, without_gpu(24), Wishes(repack=repack)) for repack in (False, True))
    layers = shape.dense_bytes + shape.expert_bytes
    assert copied.estimate.weights_bytes == plain.estimate.weights_bytes + layers
    assert copied.context_tokens < plain.context_tokens
    assert copied.sentence.startswith(
        "all 24 layers on the CPU, a context of up to 32,768 tokens, 24.3 GB of memory (weights 23.0 GB, cache 1.2 GB, "
        "work space 131 MB), weights repacked (10.9 GB of it), "
    )
    assert fit(shape, without_gpu(16), Wishes(repack=False)).verdict is Verdict.FITS
    small = without_gpu(16)
    refused = fit(shape, small, Wishes(repack=True))
    assert refused.verdict is Verdict.TOO_LARGE
    assert describe_lack(refused, small) == (
        "needs 23.2 GB: weights 23.0 GB (10.9 GB of it for repack = true), a context of 4,096 tokens 120 MB, "
        "work space 102 MB; there is 14.0 GB of 17.2 GB of memory free"
    )


def test_a_gpu_that_does_everything_needs_few_threads() -> None:
    assert fit(SHAPES["gpt-oss-20b"], laptop("RTX 4090", 24, 64, cores=16)).plan.threads == 4
    assert fit(SHAPES["gpt-oss-20b"], laptop("RTX 4060", 8, 64, cores=16)).plan.threads == 16


def test_windows_are_padded_and_capped() -> None:
    shape = SHAPES["gpt-oss-20b"]
    plan = fit(shape, without_gpu(64), Wishes(context_tokens=4096)).plan
    cell = 2 * 8 * 64 * 2
    assert estimate_kv_bytes(shape, plan, 4096) == 12 * cell * (4096 + 768)
    assert estimate_kv_bytes(shape, plan, 300) == 24 * cell * 512
    assert estimate_kv_bytes(shape, replace(plan, kv_type=KvType.Q8_0), 4096) == 12 * 1088 * (4096 + 768)


def test_the_sentence_says_where_everything_goes() -> None:
    assert fit(SHAPES["gpt-oss-20b"], laptop("RTX 4060 Laptop GPU", 8, 64)).sentence == (
        "all 24 layers on NVIDIA GeForce RTX 4060 Laptop GPU, the experts of 13 of them on the CPU, "
        "a context of 34,816 tokens, 13.2 GB of memory (weights 12.1 GB, cache 875 MB, work space 267 MB), "
        "weights repacked (5.5 GB more), about 24 tokens/s by estimate"
    )
    assert fit(SHAPES["llama-3.1-8b"], without_gpu(32)).sentence == (
        "all 32 layers on the CPU, a context of up to 129,024 tokens, "
        "30.5 GB of memory (weights 4.9 GB, cache 25.4 GB, work space 254 MB), "
        "weights repacked (4.2 GB more), about 5.1 tokens/s by estimate"
    )


def test_what_is_lacking_is_said_with_numbers() -> None:
    machine = laptop("RTX 4060 Laptop GPU", 8, 16)
    assert describe_lack(fit(SHAPES["gpt-oss-120b"], machine), machine) == (
        "needs 63.7 GB: weights 63.4 GB, a context of 4,096 tokens 179 MB, work space 102 MB; there is "
        "14.0 GB of 17.2 GB of memory free, NVIDIA GeForce RTX 4060 Laptop GPU with 8.1 GB of 8.6 GB free"
    )
    assert describe_room(Machine(0, 0, 1)) == "an unknown amount of memory"
