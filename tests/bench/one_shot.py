"""`oss run` as a whole process against `llama-completion`, in turn: time from start to end, and peak memory.

Same file, same tokens in and out (the prompt is rendered by `oss run --dry-run`), same threads; once with the context
that each takes by itself, and once with the same. Byte code is kept in a folder of its own, as an installation has it.
By hand: `python -m tests.bench.one_shot --tools DIR`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.decode import smollm2
from tests.bench.rows import Row, World, at_most

PROMPT = "Why is the sky blue?"
CONTEXT_TOKENS = 4096
KV_BYTES = {"SmolLM2": 95_000_000, "random 20b": 120_000_000}
"""Of 4,096 tokens."""
ROOM_BYTES = 300_000_000


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process took."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Shot:
    """What is run."""

    model: Path
    name: str
    tokens: int
    limit: float
    """What the time may be at most, as a ratio."""
    repacks: bool = True
    has_same_context: bool = True
    """Whether both are given the same; else each takes its own."""
    turns: int = 1
    """How often a round has it: what takes less than a second varies more."""


def rows(world: World) -> Iterator[Row]:
    """Time on SmolLM2 and the 12 GB file, and memory."""
    if world.tools is None or sys.platform == "win32":
        return
    small = Shot(world.smollm2, "SmolLM2", tokens=24, limit=1.0, turns=5)
    yield from list(_compared(world, replace(small, has_same_context=False)))[:1]
    yield from _compared(world, small)
    if world.random_20b is not None:
        yield from _compared(world, Shot(world.random_20b, "random 20b", tokens=4, limit=1.1, repacks=False))


def _compared(world: World, shot: Shot) -> Iterator[Row]:
    model, name, tokens = shot.model, shot.name, shot.tokens
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "OSS_HOME": f"{folder}/home"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        ours = [str(Path(sys.executable).with_name("oss")), "run", "-m", str(model), "--threads", str(world.threads)]
        ours += ["--ctx", str(CONTEXT_TOKENS)] if shot.has_same_context else []
        ours += [PROMPT]
        prompt = Path(folder, "prompt")
        prompt.write_bytes(subprocess.run([*ours, "--dry-run"], stdout=subprocess.PIPE, check=True).stdout[:-1])
        ours += ["--max-tokens", str(tokens), "--temperature", "0"]
        theirs = [world.tool("llama-completion"), "-m", str(model), "-no-cnv", "-f", str(prompt), "--temp", "0"]
        theirs += ["-n", str(tokens), "-t", str(world.threads)]
        theirs += ["-c", str(CONTEXT_TOKENS)] if shot.has_same_context else []
        theirs += [] if shot.repacks else ["--no-repack"]
        pairs = [(_run(ours), _run(theirs)) for _ in range(world.rounds * shot.turns + 1)][
            1:
        ]  # the first warms the disk's cache
    who = "llama-completion" if shot.repacks else "llama-completion --no-repack"
    context = "context of 4,096" if shot.has_same_context else "each with its own context"
    seconds = [one.seconds for one, _ in pairs], [other.seconds for _, other in pairs]
    yield at_most(shot.limit, f"whole one-shot, {name}, {tokens} tokens, {context}", *seconds, ("s", who))
    allowed = [(model.stat().st_size + KV_BYTES[name] + ROOM_BYTES) / 1e6] * len(pairs)
    peaks = [one.peak_bytes / 1e6 for one, _ in pairs]
    yield at_most(1.0, f"peak memory, {name}", peaks, allowed, ("MB", "weights + cache + 300 MB"))


def _run(command: list[str]) -> Ended:
    started = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"{command[0]} left with {child.returncode}"
    return Ended(time.perf_counter() - started, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.one_shot", description=__doc__)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--random-20b", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for row in rows(World(arguments.tools, smollm2(), arguments.random_20b, arguments.rounds, arguments.threads)):
        print(row)


if __name__ == "__main__":
    main()
