"""How a model is to be loaded on a machine, and whether it can be. Pure arithmetic; reads nothing.

What is given up, in this order: experts go to the CPU, layer by layer; then the context shrinks to 4,096 tokens; then
whole layers go to the CPU; then the model does not fit. A part that the user has decided stays as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from oss_cli.errors import format_bytes
from oss_cli.machine.memory import estimate_memory, gpu_layer_count
from oss_cli.machine.speed import estimate_tokens_per_second
from oss_cli.plan import Fit, KvType, LoadPlan, Machine, MeasuredSpeed, MemoryEstimate, ModelShape, Verdict

REPACK_SHARE = 0.45
"""Most of the memory that weights may take for a second, repacked copy of them to be worth it.

Measured with gpt-oss-20b (12.1 GB) on 24 GB: repacked, it loads in 40 s and takes 22 GB; as it is, 0.9 s and 12.1 GB,
for prompts read at 9.7 instead of 11.6 tokens/s. With four of its layers (3.1 GB), which leave room: 4 s more to load,
then prompts are read 1.38 and replies written 1.12 times as fast. So it pays after some 1,300 tokens that are read or
1,000 that are written: in chats and batches, hardly ever in one answer.
"""
MICRO_BATCH_TOKENS = 512
"""Of a prompt, computed together. Larger ones cost memory and bring nothing on a CPU."""
CONTEXT_FLOOR_TOKENS = 4096
"""Shorter contexts hold no conversation: rather than less, layers go to the CPU."""
CONTEXT_WANTED_TOKENS = 32_768
"""What experts are sent to the CPU for. A longer context is taken where there is room, and costs nobody speed."""
GPU_MARGIN_BYTES = 1 << 30
"""Left free on a GPU for its driver's own needs and the desktop; on Windows too much is not refused but paged, slowly.

Source: llama.cpp's default, common/common.h (2026-10).
"""
SHARED_MARGIN_BYTES = 512 << 20
"""The same where the GPU's memory is the computer's own: its limit leaves room for the desktop already."""
RAM_MARGIN_BYTES = 512 << 20
"""Left of the memory that is available, for everything else that runs."""
RAM_SHARE = 0.95
"""Of all memory: the most that a model may take when other programs give way to it."""
_CONTEXT_STEP_TOKENS = 1024
_GPU_THREADS = 4
"""With everything on a GPU the CPU only samples: more threads would only wait."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user has decided of a load; None is left to `fit`."""

    path: Path = Path()
    context_tokens: int | None = None
    gpu_layers: int | None = None
    cpu_moe_layers: int | None = None
    """More than the model has means all of them."""
    kv_type: KvType | None = None
    threads: int | None = None
    mmap: bool = True
    mlock: bool = False
    sequences: int = 1
    guessed_tokens: int = 0
    is_one_shot: bool = False
    """One reply and the process ends: what only pays over many replies is left out."""
    repack: bool | None = None
    micro_batch_tokens: int | None = None


def fit(
    shape: ModelShape, machine: Machine, wishes: Wishes | None = None, measured: Sequence[MeasuredSpeed] = ()
) -> Fit:
    """The best plan for a model on a machine. TOO_LARGE comes with the least that it would take.

    measured: what is known of its speed there; the first that is of the plan takes the place of the estimate.
    """
    room = _Room(shape, machine, wishes or Wishes(), measured)
    for verdict in (Verdict.FITS, Verdict.SLOW):
        for plan in room.plans():
            if room.allows(plan, verdict):
                return room.finished(room.with_longer_context(plan, verdict), verdict)
    return room.finished(room.least(), Verdict.TOO_LARGE)


def plan_load(
    path: Path, machine: Machine, *, weights_bytes: int, context_tokens: int | None, is_one_shot: bool
) -> LoadPlan:
    """A plan for a model whose shape nobody knows: every layer on a GPU if the build has one, else all good cores.

    context_tokens: None: as much as the conversation needs.
    is_one_shot: one reply and the process ends: what only pays over many replies is left out.
    """
    return LoadPlan(
        path=path,
        threads=machine.physical_cores,
        context_tokens=context_tokens,
        repack=not is_one_shot and weights_bytes <= REPACK_SHARE * machine.total_ram_bytes,
    )


def describe_needs(found: Fit) -> str:
    """What a model takes at the very least: "63.7 GB: weights 63.4 GB, cache …"."""
    estimate = found.estimate
    copied = estimate.cpu.copied_bytes
    repacked = f" ({format_bytes(copied)} of it for repack = true)" if copied else ""
    return (
        f"{format_bytes(estimate.total_bytes)}: weights {format_bytes(estimate.weights_bytes)}{repacked}, a context of "
        f"{found.context_tokens:,} tokens {format_bytes(estimate.kv_bytes)}, work space "
        f"{format_bytes(estimate.compute_bytes)}"
    )


def describe_room(machine: Machine) -> str:
    """What this computer has: "14.9 GB of 16.7 GB of memory free, NVIDIA … with 7.6 GB of 8.6 GB free"."""
    if not machine.total_ram_bytes:
        return "an unknown amount of memory"
    parts = [f"{format_bytes(machine.available_ram_bytes)} of {format_bytes(machine.total_ram_bytes)} of memory free"]
    parts += [
        f"{gpu.description} with {format_bytes(gpu.free_bytes)} of {format_bytes(gpu.total_bytes)} free"
        for gpu in machine.gpus
    ]
    return ", ".join(parts)


def describe_lack(found: Fit, machine: Machine) -> str:
    """Why a model does not fit, in one line."""
    return f"needs {describe_needs(found)}; there is {describe_room(machine)}"


class _Room:
    """One model, one machine, one user's wishes: which plans there are, and which of them the memory allows."""

    def __init__(
        self, shape: ModelShape, machine: Machine, wishes: Wishes, measured: Sequence[MeasuredSpeed] = ()
    ) -> None:
        self._shape = shape
        self._measured = measured
        self._machine = machine
        self._wishes = wishes
        self._shares_ram = any(gpu.shares_ram for gpu in machine.gpus)
        margin = SHARED_MARGIN_BYTES if self._shares_ram else GPU_MARGIN_BYTES
        # Layers do not divide evenly: with several GPUs, up to one layer of each but one finds no place.
        layer = (shape.dense_bytes + shape.expert_bytes) // shape.layers
        lost = layer * max(0, len(machine.gpus) - 1)
        self._gpu_bytes = max(0, sum(max(0, gpu.free_bytes - margin) for gpu in machine.gpus) - lost)
        self._trained = shape.trained_context_tokens
        self._floor = min(CONTEXT_FLOOR_TOKENS, self._trained)
        self._wanted = wishes.context_tokens or max(self._floor, min(self._trained, CONTEXT_WANTED_TOKENS))

    def plans(self) -> Iterator[LoadPlan]:
        """Every plan worth a try, the best first."""
        if self._machine.gpus and self._wishes.gpu_layers != 0:
            yield from self._gpu_plans()
        if not self._machine.gpus or self._wishes.gpu_layers in (None, 0):
            yield self._cpu_plan(self._floor)

    def least(self) -> LoadPlan:
        """What takes the least of what the user has left open, of the GPU's memory first."""
        estimates = [(self.estimate(plan), plan) for plan in self.plans()]
        return min(estimates, key=lambda one: (one[0].gpu.total_bytes, one[0].total_bytes))[1]

    def allows(self, plan: LoadPlan, verdict: Verdict) -> bool:
        """Whether the memory is there; SLOW: whether it could be, if other programs gave theirs."""
        estimate = self.estimate(plan)
        if estimate.gpu.total_bytes > self._gpu_bytes:
            return False
        total = self._machine.total_ram_bytes
        if not total:
            return True  # the system does not say: nobody is refused for that
        need, weights = estimate.cpu.total_bytes, estimate.cpu.weights_bytes
        if self._shares_ram:
            need, weights = estimate.total_bytes, estimate.weights_bytes
        pageable = weights - estimate.cpu.copied_bytes
        available = self._machine.available_ram_bytes - RAM_MARGIN_BYTES
        if need <= available:
            return True
        is_mapped = self._wishes.mmap and not self._wishes.mlock
        return verdict is Verdict.SLOW and is_mapped and need <= RAM_SHARE * total and need - pageable <= available

    def with_longer_context(self, plan: LoadPlan, verdict: Verdict) -> LoadPlan:
        """The plan with the longest context that the memory still allows.

        A context that grows takes nothing before it is needed: a long conversation may slow other programs down.
        """
        if self._wishes.context_tokens is not None:
            return plan
        if verdict is Verdict.FITS:
            plan = self._lengthened(plan, self._trained, Verdict.FITS)
        if plan.context_tokens is None:
            plan = self._lengthened(plan, self._wanted, Verdict.SLOW)
        return plan

    def _lengthened(self, plan: LoadPlan, most_tokens: int, verdict: Verdict) -> LoadPlan:
        if self.allows(_with_context(plan, max(most_tokens, _context_of(plan))), verdict):
            return _with_context(plan, max(most_tokens, _context_of(plan)))
        low, high = _context_of(plan) // _CONTEXT_STEP_TOKENS, most_tokens // _CONTEXT_STEP_TOKENS
        while low < high:
            middle = (low + high + 1) // 2
            if self.allows(_with_context(plan, middle * _CONTEXT_STEP_TOKENS), verdict):
                low = middle
            else:
                high = middle - 1
        return _with_context(plan, max(_context_of(plan), low * _CONTEXT_STEP_TOKENS))

    def estimate(self, plan: LoadPlan) -> MemoryEstimate:
        """What a plan takes."""
        return estimate_memory(self._shape, plan, context_tokens=_context_of(plan), gpus=len(self._machine.gpus))

    def finished(self, plan: LoadPlan, verdict: Verdict) -> Fit:
        """The plan with what does not depend on memory, and what there is to say of it."""
        estimate = self.estimate(plan)
        share = REPACK_SHARE * self._machine.total_ram_bytes
        is_gpu_only = estimate.gpu.total_bytes > 0 and self._is_all_on_gpu(plan)
        cores = self._machine.physical_cores
        plan = replace(plan, threads=self._wishes.threads or (min(cores, _GPU_THREADS) if is_gpu_only else cores))
        if (
            self._wishes.repack is None
            and verdict is Verdict.FITS
            and not self._wishes.is_one_shot
            and not is_gpu_only
            and estimate.cpu.weights_bytes <= share
        ):
            # Not in the estimate: it gives way to no context, which takes nothing before it is needed.
            plan = replace(plan, repack=True)
        known = next((one for one in self._measured if one.is_of(plan)), None)
        if known is not None:
            speed, told = known.tokens_per_second, f"{_rounded(known.tokens_per_second)} tokens/s measured here"
            told = f"{told} on {known.date}"
        else:
            speed = estimate_tokens_per_second(self._shape, plan, self._machine)
            told = f"about {_rounded(speed)} tokens/s by estimate"
        sentence = f"{_sentence(self._shape, plan, self._machine, estimate)}{self._copied(plan, estimate)}, {told}"
        return Fit(plan, estimate, verdict, speed, sentence, known.date if known is not None else "")

    def _copied(self, plan: LoadPlan, estimate: MemoryEstimate) -> str:
        copied = self.estimate(plan).cpu.copied_bytes
        if not copied:
            return ""
        counted = "of it" if estimate.cpu.copied_bytes else "more"
        return f", weights repacked ({format_bytes(copied)} {counted})"

    def _gpu_plans(self) -> Iterator[LoadPlan]:
        wished = self._wishes
        all_layers = self._shape.layers + 1
        moe = self._moe_steps()
        wanted = self._wanted
        layers = all_layers if wished.gpu_layers is None else gpu_layer_count(self._shape, wished.gpu_layers)
        for on_cpu in moe:
            yield self._gpu_plan(layers, on_cpu, wanted)
        if wished.context_tokens is None:
            for tokens in range(wanted - wanted % _CONTEXT_STEP_TOKENS, self._floor, -_CONTEXT_STEP_TOKENS):
                yield self._gpu_plan(layers, moe[-1], tokens)
            yield self._gpu_plan(layers, moe[-1], self._floor)
        if wished.gpu_layers is None:
            for fewer in range(all_layers - 1, 0, -1):
                yield self._gpu_plan(fewer, moe[-1], wished.context_tokens or self._floor)

    def _moe_steps(self) -> range:
        if not self._shape.expert_bytes:
            return range(1)
        wished = self._wishes.cpu_moe_layers
        if wished is not None:
            exact = min(wished, self._shape.layers)
            return range(exact, exact + 1)
        return range(self._shape.layers + 1)

    def _gpu_plan(self, gpu_layers: int, cpu_moe_layers: int, context_tokens: int) -> LoadPlan:
        plan = replace(self._base_plan(), gpu_layers=gpu_layers, cpu_moe_layers=cpu_moe_layers)
        # Memory of its own is there for nothing else; what belongs to all programs is taken as it is needed.
        is_fixed = self._wishes.context_tokens is not None or not self._shares_ram
        return replace(plan, context_tokens=context_tokens) if is_fixed else _with_context(plan, context_tokens)

    def _cpu_plan(self, context_tokens: int) -> LoadPlan:
        plan = replace(self._base_plan(), gpu_layers=0, context_tokens=self._wishes.context_tokens)
        if self._wishes.cpu_moe_layers:
            plan = replace(plan, cpu_moe_layers=self._moe_steps()[-1])  # changes nothing, but is what was asked for
        return plan if plan.context_tokens else _with_context(plan, context_tokens)

    def _base_plan(self) -> LoadPlan:
        wished = self._wishes
        return LoadPlan(
            path=wished.path,
            threads=1,
            sequences=wished.sequences,
            guessed_tokens=wished.guessed_tokens,
            kv_type=wished.kv_type or KvType.F16,
            mmap=wished.mmap,
            mlock=wished.mlock,
            repack=bool(wished.repack),
            micro_batch_tokens=wished.micro_batch_tokens or MICRO_BATCH_TOKENS,
        )

    def _is_all_on_gpu(self, plan: LoadPlan) -> bool:
        return plan.gpu_layers > self._shape.layers and not plan.cpu_moe_layers


def _context_of(plan: LoadPlan) -> int:
    return plan.context_tokens or plan.context_limit_tokens or 0


def _with_context(plan: LoadPlan, tokens: int) -> LoadPlan:
    if plan.context_tokens is None:
        return replace(plan, context_limit_tokens=tokens)
    return replace(plan, context_tokens=tokens)


def _sentence(shape: ModelShape, plan: LoadPlan, machine: Machine, estimate: MemoryEstimate) -> str:
    memory = (
        f"{format_bytes(estimate.total_bytes)} of memory (weights {format_bytes(estimate.weights_bytes)}, cache "
        f"{format_bytes(estimate.kv_bytes)}, work space {format_bytes(estimate.compute_bytes)})"
    )
    up_to = "up to " if plan.context_tokens is None else ""
    context = f"a context of {up_to}{_context_of(plan):,} tokens"
    return f"{_placement(shape, plan, machine)}, {context}, {memory}"


def _placement(shape: ModelShape, plan: LoadPlan, machine: Machine) -> str:
    if not machine.gpus or not plan.gpu_layers:
        return f"all {shape.layers} layers on the CPU"
    names = {gpu.description for gpu in machine.gpus}
    where = names.pop() if len(machine.gpus) == 1 else f"{len(machine.gpus)} GPUs"
    on_gpu = max(0, gpu_layer_count(shape, plan.gpu_layers) - 1)
    experts = max(0, plan.cpu_moe_layers - (shape.layers - on_gpu))
    layers = f"all {shape.layers} layers" if on_gpu == shape.layers else f"{on_gpu} of {shape.layers} layers"
    apart = f", the experts of {experts} of them on the CPU" if experts else ""
    return f"{layers} on {where}{apart}"


def _rounded(speed: float) -> str:
    """Two digits: it is an estimate."""
    if speed < 10:
        return f"{speed:.1f}"
    digits = 10 ** (len(str(int(speed))) - 2)
    return str(round(speed / digits) * digits)
