"""Several `oss run` at once against one after another: what sharing the cores costs.

    python -m tests.bench.crowd [--processes 3] [--tokens 48]

Prints both times and their ratio: 1 is perfect sharing. Set GOMP_SPINCOUNT to compare other values.
"""

import argparse
import subprocess
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crowd", description=__doc__)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=48)
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "oss_cli", "run", "-m", "smollm2-135m", "--seed", "1"]
    command += ["--max-tokens", str(arguments.tokens), "Tell me a story"]
    apart = sum(_run([command]) for _ in range(arguments.processes))
    at_once = _run([command] * arguments.processes)
    print(f"{arguments.processes} runs of {arguments.tokens} tokens: {apart:.1f} s apart, {at_once:.1f} s at once")
    print(f"  ratio {at_once / apart:.2f}")


def _run(commands: list[list[str]]) -> float:
    started = time.perf_counter()
    children = [subprocess.Popen(one, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for one in commands]
    for child in children:
        assert child.wait() == 0
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
