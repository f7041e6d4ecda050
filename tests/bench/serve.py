"""Throughput of `oss serve` by how many replies it makes at once: the real server, as many clients as replies.

Quote ratios, not speeds: `python -m tests.bench.serve [GGUF] [--parallel 1,4]`.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.decode import smollm2
from tests.server.serving import Server, serving


def main() -> None:
    """Measure, alternately, and print a table."""
    arguments = _read_arguments()
    counts = [int(count) for count in arguments.parallel.split(",")]
    speeds: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(arguments.rounds):
        for count in counts:
            speeds[count].append(_measure(arguments, count))
    first = statistics.median(speeds[counts[0]])
    for count in counts:
        speed = statistics.median(speeds[count])
        print(f"--parallel {count}: {speed:8.1f} tokens/s, {speed / first:.2f} times as many as with {counts[0]}")


def _measure(arguments: argparse.Namespace, parallel: int) -> float:
    """Tokens per second of all replies together."""
    options = ("--parallel", str(parallel), "--ctx", "1024", "--threads", str(arguments.threads))
    with tempfile.TemporaryDirectory() as home, serving(arguments.gguf, Path(home), *options) as server:
        _ask(server, 0, 4)  # llama.cpp sets up what it needs
        begun = time.perf_counter()
        tokens = _ask_all(server, arguments, parallel)
        return tokens / (time.perf_counter() - begun)


def _ask_all(server: Server, arguments: argparse.Namespace, parallel: int) -> int:
    left = list(range(arguments.requests))
    tokens: list[int] = []

    def work() -> None:
        while left:
            tokens.append(_ask(server, left.pop(), arguments.tokens))

    threads = [threading.Thread(target=work) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(tokens)


def _ask(server: Server, number: int, tokens: int) -> int:
    messages = [{"role": "user", "content": f"Tell a long story about {number} dragons."}]
    body = {"messages": messages, "max_tokens": tokens, "temperature": 0, "reasoning_effort": "low"}
    status, _, text = server.ask("POST", "/v1/chat/completions", body)
    assert status == 200, text
    count: int = json.loads(text)["usage"]["completion_tokens"]
    return count


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serve", description=__doc__)
    parser.add_argument("gguf", type=Path, nargs="?", default=smollm2())
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--parallel", default="1,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
