"""What `oss bench` needs: how a model is loaded to be measured, what bounds it, and where results are kept."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oss_cli.errors import BadUsage
from oss_cli.paths import find_paths
from oss_cli.plan import Speculation
from oss_cli.settings import Settings
from oss_cli.wiring.backend import engine_version, plan_load
from oss_cli.wiring.choice import ModelChoice, model_identity, shape_of
from oss_cli.wiring.machine import probe

if TYPE_CHECKING:
    from oss_cli.bench.results import BenchJob, BenchResult
    from oss_cli.plan import LoadPlan, Machine


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that a measurement is about."""

    choice: ModelChoice
    plan: "LoadPlan"
    machine: "Machine"
    build: str
    """Version of llama-cpp-python."""
    job: "BenchJob"
    date: str
    identity: str
    """Of the model's file."""

    def bound(self, copied: float, depth: int) -> float | None:
        """The most tokens a second that the memory allows with so many tokens in the context.

        copied: bytes a second. None: a GPU's memory is read, whose speed was not measured, or the shape is not known.
        """
        from oss_cli.machine.memory import estimate_kv_bytes, read_bytes_per_token

        shape = shape_of(self.choice)
        if shape is None or not copied or (self.machine.gpus and self.plan.gpu_layers):
            return None
        on_cpu, _ = read_bytes_per_token(shape, self.plan, gpus=0)
        kv = estimate_kv_bytes(shape, replace(self.plan, context_tokens=depth), depth) if depth else 0
        return copied / (on_cpu + kv)


def plan_bench(choice: ModelChoice, settings: Settings, job: "BenchJob") -> Bench:
    """How a model would be loaded for a conversation as long as the measurement needs.

    Raises:
        ModelTooLarge: the memory is too small.
        BadUsage: the context is too short for the measurement.
    """
    shape = shape_of(choice)
    limit = settings.ctx or (shape.trained_context_tokens if shape is not None else job.context_tokens)
    needed = job.prompt_tokens + job.reply_tokens
    if limit < needed:
        raise BadUsage(
            f"a context of {limit:,} tokens is too short to measure in", cause=f"reading and writing take {needed:,}",
            hint="oss bench --set ctx=4096",
        )  # fmt: skip
    job = replace(job, depths=tuple(depth for depth in job.depths if depth <= limit - needed))
    without_guesses = replace(settings, speculation=Speculation.OFF, draft=None)
    plan, _ = plan_load(choice, without_guesses, is_one_shot=False)
    plan = replace(plan, context_tokens=min(limit, job.context_tokens), context_limit_tokens=None)
    date = time.strftime("%Y-%m-%d")
    return Bench(choice, plan, probe(), engine_version(), job, date, model_identity(choice))


def keep_result(bench: Bench, result: "BenchResult", value: Mapping[str, object]) -> None:
    """Keep it, for `oss show` and for the sentence of `--verbose`.

    Raises:
        CannotWrite: the system refuses.
    """
    from oss_cli.machine.measured import KeptResult, keep

    speed = result.depths[0].reply_speed
    kept = KeptResult(bench.identity, bench.machine, bench.build, bench.plan, bench.date, speed, value)
    keep(find_paths().speeds_file, kept)
