"""`oss run` as a whole process against `llama-completion`, in turn: time from start to end, and peak memory.

Same file, same tokens in and out (the prompt is rendered by `oss run --dry-run`), same threads and context. Byte code
is kept in a folder of its own, as an installation has it. By hand: `python -m tests.bench.one_shot --tools DIR`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


def rows(world: World) -> Iterator[Row]:
    """Time on SmolLM2 and the 12 GB file, and memory."""
    if world.tools is None or sys.platform == "win32":
        return
    yield from _compared(world, world.smollm2, "SmolLM2", tokens=24, limit=1.0, repacks=True)
    if world.random_20b is not None:
        yield from _compared(world, world.random_20b, "random 20b", tokens=4, limit=1.1, repacks=False)


def _compared(world: World, model: Path, name: str, *, tokens: int, limit: float, repacks: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "OSS_HOME": f"{folder}/home"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        ours = [sys.executable, "-m", "oss_cli", "run", "-m", str(model), "--threads", str(world.threads)]
        ours += ["--ctx", str(CONTEXT_TOKENS), PROMPT]
        prompt = Path(folder, "prompt")
        prompt.write_bytes(subprocess.run([*ours, "--dry-run"], stdout=subprocess.PIPE, check=True).stdout[:-1])
        ours += ["--max-tokens", str(tokens), "--temperature", "0"]
        theirs = [world.tool("llama-completion"), "-m", str(model), "-no-cnv", "-f", str(prompt), "--temp", "0"]
        theirs += ["-n", str(tokens), "-t", str(world.threads), "-c", str(CONTEXT_TOKENS)]
        theirs += [] if repacks else ["--no-repack"]
        pairs = [(_run(ours), _run(theirs)) for _ in range(world.rounds + 1)][1:]  # the first warms the disk's cache
    who = "llama-completion" if repacks else "llama-completion --no-repack"
    seconds = [one.seconds for one, _ in pairs], [other.seconds for _, other in pairs]
    yield at_most(limit, f"whole one-shot, {name}, {tokens} tokens", *seconds, ("s", who))
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
