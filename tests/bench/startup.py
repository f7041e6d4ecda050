"""How long the small commands take over a bare interpreter, in children, alternately.

    python -m tests.bench.startup [--rounds 20] [--limit-ms 150]

The home is an empty one in which a probe was kept. Prints the least and the median of each, and what `oss list` takes
over `python -c pass`, by the least: a busy machine only ever adds. Exits 1 when that is over the limit.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oss_cli.machine.record import write_record
from oss_cli.paths import find_paths
from oss_cli.plan import Machine

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "oss --version": ["-m", "oss_cli", "--version"],
    "oss --help": ["-m", "oss_cli", "--help"],
    "oss list": ["-m", "oss_cli", "list"],
    "oss list --json": ["-m", "oss_cli", "list", "--json"],
    "oss show gpt-oss-20b": ["-m", "oss_cli", "show", "gpt-oss-20b"],
    "oss config set": ["-m", "oss_cli", "config", "set", "effort", "low"],
}


def main() -> int:
    arguments = _read_arguments()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"OSS_HOME": home, "HF_HOME": str(Path(home, "hub"))}
        machine = Machine(total_ram_bytes=16 << 30, available_ram_bytes=12 << 30, physical_cores=4)
        write_record(find_paths().probe_file, machine, time.time())
        times = _measure(arguments.rounds)
    for name, values in times.items():
        print(f"{name:22} least {min(values) * 1e3:6.0f} ms, median {statistics.median(values) * 1e3:6.0f} ms")
    over_ms = (min(times["oss list"]) - min(times["python -c pass"])) * 1e3
    print(f"oss list over a bare interpreter: {over_ms:.0f} ms, of {arguments.limit_ms}")
    return int(over_ms > arguments.limit_ms)


def _measure(rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
            if number > 0:  # the first round warms the disk's cache
                times[name].append(time.perf_counter() - begun)
    return times


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--limit-ms", type=int, default=150)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
