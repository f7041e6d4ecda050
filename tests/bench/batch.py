"""`oss batch`: several replies decoded together against one after another, and a common beginning against none.

    python -m tests.bench.batch [GGUF] [--requests 16] [--tokens 64] [--parallel 1,2,4,8,16] [--load short]

Each figure is of a process of its own, alternately, from the first request to the last outcome, the load not counted:
the runner, the backend, the scheduler and llama.cpp. Two loads: short prompts, where decoding is all; and prompts with
some 600 tokens of the same instructions, to which one token apart is put in front to tell what sharing them brings.
Prints the medians, and how many times as fast that is as one at a time (or as the beginnings apart), by the clock and
by the processor's time: on a machine that others use, only the latter is a measure, and only with one thread, as
several wait for each other by spinning.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.batch.requests import Entry, Form, Request
from oss_cli.batch.runner import BatchRunner, Manner
from oss_cli.conversation.messages import Message, system_message, user_message
from oss_cli.conversation.options import PLAIN_SAMPLING, ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import open_engine
from oss_cli.plan import LoadPlan
from oss_cli.wiring import choose_format
from tests.bench.decode import smollm2

INSTRUCTIONS = "Answer in one short sentence. Be friendly, exact and brief, and never repeat the question. " * 30


def main() -> None:
    arguments = _read_arguments()
    if arguments.role:
        print(json.dumps(_measure(arguments, *json.loads(arguments.role))))
        return
    counts = [int(one) for one in arguments.parallel.split(",")]
    ways = [("short", count) for count in counts] if arguments.load != "long" else []
    ways += [(kind, counts[-1]) for kind in ("apart", "shared")] if arguments.load != "short" else []
    times: dict[tuple[str, int], list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way in ways:
            times[way].append(_child(way, arguments))
    load = f"{arguments.requests} requests of {arguments.tokens} tokens, {arguments.threads} threads"
    print(f"{arguments.gguf.name}: {load}")
    for kind, count in ways:
        wall, cpu = _medians(times[kind, count])
        wall_base, cpu_base = _medians(times[_base(kind, counts)])
        speed = arguments.requests * arguments.tokens / wall
        factors = f"factor {wall_base / wall:5.2f}, by processor time {cpu_base / cpu:5.2f}"
        print(f"  {kind:6} {count:2} at once {wall:7.2f} s  {cpu:7.2f} CPU s  {speed:7.1f} tokens/s  {factors}")


def _medians(times: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times)


def _base(kind: str, counts: list[int]) -> tuple[str, int]:
    return ("short", counts[0]) if kind == "short" else ("apart", counts[-1])


def _child(way: tuple[str, int], arguments: argparse.Namespace) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.bench.batch", str(arguments.gguf), "--role", json.dumps(way)]
    for name in ("requests", "tokens", "threads"):
        command += [f"--{name}", str(getattr(arguments, name))]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu_s = json.loads(child.stdout)
    return seconds, cpu_s


def _measure(arguments: argparse.Namespace, kind: str, parallel: int) -> tuple[float, float]:
    engine = open_engine(
        LoadPlan(arguments.gguf, arguments.threads, context_tokens=2048, repack=True, sequences=parallel)
    )
    vocabulary = engine.model.vocabulary
    forbidden = dict.fromkeys(vocabulary.special_names().values(), -1e9)  # every reply has all its tokens
    sampling = SamplingOptions(temperature=0.0, max_tokens=arguments.tokens, logit_bias=forbidden)
    backend = LocalBackend(engine, choose_format(engine.model), LocalModel("bench", PLAIN_SAMPLING))
    entries = [_entry(kind, number) for number in range(arguments.requests)]
    runner = BatchRunner(backend, entries, Manner(ReplyOptions("2026-11-24", sampling), parallel=parallel))
    begun, begun_cpu = time.perf_counter(), time.process_time()
    outcomes = list(runner.run())
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - begun_cpu
    backend.close()
    assert all(one.ended is not None and one.ended.usage.reply_tokens == arguments.tokens for one in outcomes)
    return seconds, cpu_s


def _entry(kind: str, number: int) -> Entry:
    messages: list[Message] = [user_message(f"Tell me something about the number {number}.")]
    if kind != "short":
        apart = f"{number}: " if kind == "apart" else "0: "
        messages.insert(0, system_message(apart + INSTRUCTIONS))
    return Entry(number, number, Form.SHORT, Request(tuple(messages)))


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batch", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=smollm2())
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--parallel", default="1,2,4,8,16")
    parser.add_argument("--load", choices=("short", "long", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--role", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
