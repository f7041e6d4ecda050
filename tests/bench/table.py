"""The table of ratios, as Markdown for README.md: one command, with the commit and the machine.

usage: python -m tests.bench.table [--tools DIR] [--random-20b FILE] [--rounds N] [--only NAME,…]

DIR (or $OSS_LLAMA_TOOLS) holds llama-completion and llama-bench, built from the same llama.cpp as llama-cpp-python's.
FILE (or $OSS_RANDOM_20B) is made by `python -m tests.bench.random_gpt_oss FILE`. Without them their rows are left out,
and that is said. Another benchmark joins by a function `rows(world)` and a line in BENCHMARKS.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from oss_cli.engine.llama.devices import build_version
from oss_cli.machine.probe import probe_machine
from tests.bench import decode, one_shot, raw_speed, resume, speculation, warm
from tests.bench.decode import smollm2
from tests.bench.rows import Benchmark, Row, World

BENCHMARKS: dict[str, Benchmark] = {
    "one_shot": one_shot.rows,
    "raw_speed": raw_speed.rows,
    "decode": decode.rows,
    "speculation": speculation.rows,
    "resume": resume.rows,
    "warm": warm.rows,
}


def main() -> int:
    arguments = _read_arguments()
    world = World(arguments.tools, smollm2(), arguments.random_20b, arguments.rounds, arguments.threads)
    print(_heading(arguments.threads))
    for name, thing in (("tools of llama.cpp", world.tools), ("random 20b", world.random_20b)):
        if thing is None:
            print(f"Without {name}: their rows are missing.\n")
    print("| measured | `oss` | beside it | ratio | least to most | goal | |\n|---|---|---|---|---|---|---|")
    missed = 0
    for name in arguments.only or BENCHMARKS:
        for row in BENCHMARKS[name](world):
            print(_line(row), flush=True)
            missed += not row.is_met
    return int(missed > 0)


def _heading(threads: int) -> str:
    commit = _git("rev-parse", "--short", "HEAD") + (" with changes" if _git("status", "--porcelain") else "")
    machine = probe_machine()
    return (
        f"{time.strftime('%Y-%m-%d')}, commit {commit}, {machine.processor or platform.processor()}, "
        f"{machine.physical_cores} cores, {machine.total_ram_bytes / 1e9:.0f} GB, {threads} threads, "
        f"{platform.system()}, Python {platform.python_version()}, llama-cpp-python {build_version()}.\n"
    )


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _line(row: Row) -> str:
    least, most = row.spread
    met = "met" if row.is_met else "**missed**"
    return (
        f"| {row.what} | {row.ours} | {row.theirs} | {row.ratio:.2f} | {least:.2f} to {most:.2f} | {row.goal} | {met} |"
    )


def _read_arguments() -> argparse.Namespace:
    def path_of(variable: str) -> Path | None:
        value = os.environ.get(variable)
        return Path(value) if value else None

    parser = argparse.ArgumentParser(prog="python -m tests.bench.table", description=__doc__)
    parser.add_argument("--tools", type=Path, default=path_of("OSS_LLAMA_TOOLS"))
    parser.add_argument("--random-20b", type=Path, default=path_of("OSS_RANDOM_20B"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=probe_machine().physical_cores)
    parser.add_argument("--only", type=lambda text: text.split(","), help=", ".join(BENCHMARKS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
