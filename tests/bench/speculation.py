"""Guessing what a reply copies from its prompt: tokens per second with guesses and without, in turn, on one file.

    python -m tests.bench.speculation [GGUF] [--tokens 160] [--rounds 5] [--threads 2] [--kv-type f16] [--costs]

Each task is a text with a beginning of the answer, which a model of any size goes on with: `rewrite` (the text once
more with one name changed), `extract` (the addresses out of a table), `code` (a function mended) copy from it; `story`
and `list` copy nothing. All is greedy and never ends by itself. Each reply is a whole `oss run --raw --json` of its
own, with guesses (`speculation` on) and without in turn: two engines in one process slow each other down. `same`: in
how many rounds the answer was the same. `--costs` measures llama.cpp alone: what a step of n tokens takes against one
of a single token.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.model import load_model
from oss_cli.engine.llama.speculation import MOST_GUESSED
from oss_cli.plan import LoadPlan
from tests.bench.decode import smollm2
from tests.bench.rows import Row, World, at_least

_TEXT = """The harbour master, Anna Lindqvist, keeps the old lighthouse in order. Every morning Anna climbs the hundred
and twelve steps to the lamp, wipes the salt from the windows and writes the weather into a blue book. In winter, when
the ice closes the bay, she stays for weeks without seeing another person. The fishermen say that Anna can tell from the
colour of the sky whether the herring will come. Her brother Erik brings bread, lamp oil and letters once a month, and
takes the blue book with him to the town, where a clerk copies each line into the great register of the coast."""
_TABLE = """Name: Maria Olsen, street: Harbour Road 14, town: Bergen, telephone: 5551 2093, since 2011
Name: Peter Brandt, street: Mill Lane 3, town: Lubeck, telephone: 4409 7781, since 2016
Name: Lucia Moretti, street: Garden Street 27, town: Verona, telephone: 3317 6602, since 2009
Name: Jonas Berg, street: Church Square 8, town: Uppsala, telephone: 8820 1145, since 2020
Name: Helen Clarke, street: Station Road 112, town: Bristol, telephone: 7719 3350, since 2013"""
_CODE = '''def average_length(words, ignored=()):
    """The average length of the words that are not ignored."""
    total = 0
    count = 0
    for word in words:
        if word in ignored:
            continue
        total += len(word)
        count += 1
    return total / count


def longest_words(words, count=10, ignored=()):
    """The longest words that are not ignored, the longest first."""
    kept = [word for word in words if word not in ignored]
    return sorted(kept, key=len, reverse=True)[:count]
'''
TASKS = {
    "rewrite": f"{_TEXT}\n\nThe same text with the name Anna changed to Clara:\n\nThe harbour master, Clara Lindqvist,",
    "extract": f"{_TABLE}\n\nThe same lines without the telephone numbers:\n\n"
    "Name: Maria Olsen, street: Harbour Road 14, town: Bergen, since 2011\nName: Peter",
    "code": f"{_CODE}\n\n# The same, with the function average_length called mean_length:\n\ndef mean_length(words,",
    "story": "Once upon a time there was a king who had three horses. One day",
    "list": "Twenty things to take along on a long journey by train:\n1.",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How all replies are made."""

    gguf: Path
    tokens: int
    threads: int
    kv_type: str = "f16"


@dataclass
class Results:
    """Of one task, the rounds in order."""

    plain: list[float] = field(default_factory=list)
    guessed: list[float] = field(default_factory=list)
    same: int = 0
    drafted: int = 0
    accepted: int = 0
    tokens: int = 0


def main() -> None:
    arguments = _read_arguments()
    if arguments.costs:
        _print_costs(arguments.gguf, arguments.threads)
    setting = Setting(arguments.gguf, arguments.tokens, arguments.threads, arguments.kv_type)
    print(f"{setting.gguf.name}: {setting.tokens} tokens, {arguments.rounds} rounds, {setting.threads} threads")
    for name in TASKS:
        one = _measure(name, setting, arguments.rounds)
        ratios = sorted(a / b for a, b in zip(one.guessed, one.plain, strict=True))
        print(
            f"  {name:8} {statistics.median(one.plain):7.1f} → {statistics.median(one.guessed):7.1f} tokens/s, "
            f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
            f"guessed {one.drafted / one.tokens:.0%}, right {one.accepted / max(1, one.drafted):.0%} of them, "
            f"same {one.same}/{arguments.rounds}",
            flush=True,
        )


def rows(world: World) -> Iterator[Row]:
    """Each task with guesses against without: those that copy are to gain, the others not to lose."""
    setting = Setting(world.smollm2, 160, world.threads)
    for name in TASKS:
        one = _measure(name, setting, world.rounds)
        goal = 0.97 if name in ("story", "list") else 1.5
        what = f"guessing, SmolLM2, {name}, same answer in {one.same} of {world.rounds}"
        yield at_least(goal, what, one.guessed, one.plain, ("tokens/s", "without guesses"))


def _measure(name: str, setting: Setting, rounds: int) -> Results:
    results = Results()
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds):
            plain, guessed = (_reply(TASKS[name], setting, home, speculation) for speculation in ("off", "on"))
            results.plain.append(plain["timings"]["tokens_per_second"])
            results.guessed.append(guessed["timings"]["tokens_per_second"])
            results.same += plain["answer"] == guessed["answer"]
            results.drafted += guessed["usage"]["drafted_tokens"]
            results.accepted += guessed["usage"]["accepted_tokens"]
            results.tokens += guessed["usage"]["reply_tokens"]
    return results


def _reply(text: str, setting: Setting, home: str, speculation: str) -> dict[str, Any]:
    """What `oss run --json` tells of a reply in a process of its own."""
    command = [sys.executable, "-m", "oss_cli", "run", "-m", str(setting.gguf), "--raw", "--json", "--temperature", "0"]
    command += ["--max-tokens", str(setting.tokens), "--threads", str(setting.threads), "--kv-type", setting.kv_type]
    command += ["-o", "logit_bias=0:-1000,2:-1000", "--ctx", "2048", text]  # SmolLM2's tokens that end a text
    environment = os.environ | {"OSS_HOME": home, "OSS_SPECULATION": speculation}
    child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, env=environment)
    told: dict[str, Any] = json.loads(child.stdout)
    return told


def _print_costs(path: Path, threads: int) -> None:
    """A step of n tokens against one of a single token, in turn, after a prompt of 256 tokens."""
    model = load_model(LoadPlan(path, threads=threads))
    context = LlamaContext(model, ContextSize(1024, outputs=MOST_GUESSED + 1), threads=threads)
    for position in range(256):
        context.add(1000 + position, position=position, sequence=0, wants_logits=position == 255)
    context.evaluate()
    costs = []
    for count in (2, 3, 4, 5, 6, 8, 9, 12, 16):
        pairs = [(_step_s(context, 1), _step_s(context, count)) for _ in range(15)]
        costs.append(f"{count}: {statistics.median(many / one for one, many in pairs):.2f}")
    print(f"{path.name}: a step of n tokens against one of a single token, {threads} threads: {', '.join(costs)}")
    context.close()
    model.close()


def _step_s(context: LlamaContext, count: int) -> float:
    for place in range(count):
        context.add(2000 + place, position=256 + place, sequence=0, wants_logits=True)
    started = time.perf_counter()
    context.evaluate()
    taken = time.perf_counter() - started
    context.remove(0, 256)
    return taken


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speculation", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=smollm2())
    parser.add_argument("--tokens", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kv-type", default="f16")
    parser.add_argument("--costs", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
