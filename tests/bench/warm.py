"""What `oss run` takes with its model in memory: whole processes, beside one that loads it and a bare interpreter.

    python -m tests.bench.warm [GGUF] [--rounds N] [--tokens N] [--limit-s 0.3]

Without a path: SmolLM2, out of the starter package. All take turns; each gets the least of its rounds, because a busy
machine only adds, and the least of its processor time, which a busy machine stretches less. "to the first word" is from
the start of the process to the first byte of the answer. Exits 1 when that is over the limit with the model in memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.decode import smollm2
from tests.bench.rows import Row, World, at_most


@dataclass
class Times:
    """Of one kind of process, in seconds."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def main() -> int:
    arguments = _read_arguments()
    times = _measure_all(str(arguments.model or smollm2()), arguments.tokens, arguments.rounds)
    for name, one in times.items():
        print(
            f"{name:20} to the first word {min(one.first) * 1e3:6.0f} ms, whole {min(one.whole) * 1e3:6.0f} ms, "
            f"processor {min(one.processor) * 1e3:6.0f} ms"
        )
    bare, loads, warm = times.values()
    print(f"in memory / loads: {min(warm.whole) / min(loads.whole):.2f} of the whole")
    print(f"in memory / bare interpreter: {min(warm.whole) / min(bare.whole):.1f}")
    return int(min(warm.first) > arguments.limit_s)


def rows(world: World) -> Iterator[Row]:
    """The first word of `oss run` with the model in memory: 0.3 s at most, and against one that loads it."""
    _bare, loads, warm = _measure_all(str(world.smollm2), 8, world.rounds).values()
    limit = [0.3] * len(warm.first)
    yield at_most(1.0, "first word, SmolLM2 in memory", warm.first, limit, ("s", "the goal"))
    yield at_most(1.0, "whole run, SmolLM2 in memory", warm.whole, loads.whole, ("s", "`oss run` that loads it"))


def _measure_all(model: str, tokens: int, rounds: int) -> dict[str, Times]:
    run = ["-m", "oss_cli", "run", "-m", model, "--temperature", "0", "--max-tokens", str(tokens)]
    commands = {
        "python -c pass": (["-c", "print()"], "0"),
        "oss run, loads": ([*run, "Name a colour."], "0"),
        "oss run, in memory": ([*run, "Name a colour."], ""),
    }
    with tempfile.TemporaryDirectory(prefix="oss-") as home:
        os.environ |= {"OSS_HOME": home}
        subprocess.run([sys.executable, "-m", "oss_cli", "load", model], check=True, stdout=subprocess.DEVNULL)
        try:
            return _measure(commands, rounds)
        finally:
            subprocess.run([sys.executable, "-m", "oss_cli", "stop"], check=True, stdout=subprocess.DEVNULL)


def _measure(commands: dict[str, tuple[list[str], str]], rounds: int) -> dict[str, Times]:
    times = {name: Times() for name in commands}
    for number in range(rounds + 1):
        for name, (command, keep_alive) in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begun = time.perf_counter()
            with subprocess.Popen(
                [sys.executable, *command], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OSS_KEEP_ALIVE": keep_alive},
            ) as child:  # fmt: skip
                assert child.stdout is not None
                os.read(child.stdout.fileno(), 1)
                first = time.perf_counter() - begun
                child.stdout.read()
            whole = time.perf_counter() - begun
            assert child.returncode == 0
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if number == 0:  # warms the disk's cache, and the prefix in the model's memory
                continue
            times[name].first.append(first)
            times[name].whole.append(whole)
            times[name].processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return times


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--limit-s", type=float, default=0.3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
