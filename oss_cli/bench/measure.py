"""The measurements on an engine: load, first tokens, and the speeds at several depths. Tokens are drawn by lot."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from oss_cli.bench.bandwidth import measure_copy
from oss_cli.bench.results import BenchJob, BenchResult, Depth
from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Ended, GenerationRequest, Sampled
from oss_cli.engine.llama.engine import LlamaEngine, open_engine, wait_freed
from oss_cli.machine.own_memory import peak_memory_bytes
from oss_cli.plan import LoadPlan

_SHORT_TOKENS = 16
_WARM_UP_S = 3.0
"""A first long prompt touches memory that no later one has to touch: 60 ms, which count where reading takes 700."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Ran:
    """One generation: what the engine says of it, and when its first token came."""

    ended: Ended
    first_token_s: float


def measure(plan: LoadPlan, job: BenchJob, tell: Tell) -> BenchResult:
    """Load the model, measure, and unload it. Blocks.

    tell: is told what is going on.

    Raises:
        EngineFailed: llama.cpp refused the file, or could not evaluate.
    """
    tell("loading")
    started = time.perf_counter()
    engine = open_engine(plan)
    load_s = time.perf_counter() - started
    try:
        bench = _Bench(engine)
        bench.run(bench.draw(_SHORT_TOKENS), replies=1)
        cold_s = time.perf_counter() - started
        warm = bench.run(bench.draw(_SHORT_TOKENS), replies=1)
        if warm.first_token_s / _SHORT_TOKENS * job.prompt_tokens < _WARM_UP_S:
            bench.run(bench.draw(job.prompt_tokens), replies=1)
        depths = tuple(bench.depths(job, tell))
        peak = peak_memory_bytes()  # before the copy test, whose memory is not the model's
    finally:
        engine.close()
        wait_freed()
    copied = 0.0
    if job.reads_memory:
        tell("memory")
        copied = measure_copy(plan.threads)
    return BenchResult(load_s, cold_s, warm.first_token_s, peak, copied, depths)


class _Bench:
    """An engine that is asked for tokens of no meaning."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self._random = Random(0)  # noqa: S311 - the same tokens each time is what is wanted
        self._no_end = dict.fromkeys(engine.tokens.end_tokens(), -1e9)

    def draw(self, count: int) -> list[int]:
        """Some tokens."""
        return [self._random.randrange(self._engine.vocabulary_tokens) for _ in range(count)]

    def depths(self, job: BenchJob, tell: Tell) -> list[Depth]:
        """The speeds at each depth that can be reached in time; the first one always."""
        found: list[Depth] = []
        text = self.draw(job.depths[-1])
        for depth in job.depths:
            if found and (depth - found[-1].tokens) / found[-1].prompt_speed > job.limit_s:
                return found
            if depth:
                tell(f"reading {depth:,} tokens")
                self.run(text[:depth], replies=1, stable=depth)
            ran = []
            for number in range(job.rounds):
                tell(f"depth {depth:,}, {number + 1} of {job.rounds}")
                prompt = text[:depth] + self.draw(job.prompt_tokens)
                ended = self.run(prompt, replies=job.reply_tokens, stable=depth or None).ended
                ran.append(((len(prompt) - ended.reused_tokens) / ended.prefill_s, _reply_speed(ended)))
            found.append(Depth(depth, *(statistics.median(one) for one in zip(*ran, strict=True))))
        return found

    def run(self, prompt: list[int], *, replies: int, stable: int | None = None) -> _Ran:
        """Read a prompt and write so many tokens, the likeliest each time.

        stable: so much of the prompt comes again.
        """
        sampling = SamplingOptions(temperature=0.0, max_tokens=replies, seed=0, logit_bias=self._no_end)
        request = GenerationRequest(
            prompt=prompt, sampling=sampling, on_token=lambda token: GO_ON, stable_tokens=stable, may_guess=False
        )
        started, first_s, ended = time.perf_counter(), 0.0, None
        for event in self._engine.generate(request):
            if isinstance(event, Sampled) and not first_s:
                first_s = time.perf_counter() - started
            elif isinstance(event, Ended):
                ended = event
        assert ended is not None, "every generation ends"
        return _Ran(ended, first_s)


def _reply_speed(ended: Ended) -> float:
    """Tokens a second after the first one."""
    return (ended.sampled_tokens - 1) / ended.decode_s if ended.decode_s else 0.0
