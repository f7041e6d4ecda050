"""`oss bench` against `llama-bench`: reading a prompt and writing a reply, with an empty context and a full one."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from oss_cli.bench.results import BenchJob, BenchResult
from oss_cli.bench.worker import measure_apart
from oss_cli.plan import LoadPlan
from tests.bench.rows import Row, World, at_least

PROMPT_TOKENS, REPLY_TOKENS = 256, 64


def rows(world: World) -> Iterator[Row]:
    """Reading and writing, on SmolLM2 and the 12 GB file."""
    if world.tools is None:
        return
    yield from _compared(world, world.smollm2, "SmolLM2", (0, 2048))
    if world.random_20b is not None:
        yield from _compared(world, world.random_20b, "random 20b", (0,))


def _compared(world: World, model: Path, name: str, depths: tuple[int, ...]) -> Iterator[Row]:
    job = BenchJob(depths, PROMPT_TOKENS, REPLY_TOKENS, rounds=1, limit_s=600, reads_memory=False)
    plan = LoadPlan(model, threads=world.threads, context_tokens=job.context_tokens, gpu_layers=0)
    pairs = [
        (measure_apart(plan, job, lambda _: None), _llama_bench(world, model, depths)) for _ in range(world.rounds)
    ]
    for number, depth in enumerate(depths):
        for word, ours, at in (("reads", _reads, depth), ("writes", _writes, depth + PROMPT_TOKENS)):
            own = [ours(result, number) for result, _ in pairs]
            other = [found[word, at] for _, found in pairs]
            yield at_least(0.97, f"{word}, {name}, after {at:,} tokens", own, other, ("tokens/s", "llama-bench"))


def _reads(result: BenchResult, number: int) -> float:
    return result.depths[number].prompt_speed


def _writes(result: BenchResult, number: int) -> float:
    return result.depths[number].reply_speed


def _llama_bench(world: World, model: Path, depths: tuple[int, ...]) -> dict[tuple[str, int], float]:
    """Its speeds, by what it does and after how many tokens: ours writes after the prompt that it has read."""
    base = [world.tool("llama-bench"), "-m", str(model), "-t", str(world.threads), "-r", "1", "-o", "json"]
    base += ["--repack", "0"]
    after = [depth + PROMPT_TOKENS for depth in depths]
    reads = ["-p", str(PROMPT_TOKENS), "-n", "0", "-d", ",".join(map(str, depths))]
    writes = ["-p", "0", "-n", str(REPLY_TOKENS), "-d", ",".join(map(str, after))]
    found = [
        one
        for task in (reads, writes)
        for one in json.loads(subprocess.run([*base, *task], stdout=subprocess.PIPE, check=True).stdout)
    ]
    return {("writes" if one["n_gen"] else "reads", one["n_depth"]): one["avg_ts"] for one in found}


if __name__ == "__main__":
    raise SystemExit("python -m tests.bench.table --only raw_speed")
