"""What a process takes in memory, by its own account."""

import subprocess
import sys

TELL = "from oss_cli.machine.own_memory import *; print(own_memory_bytes(), peak_memory_bytes())"
FROM_A_LARGE_ONE = f"""
import subprocess, sys
ballast = bytearray(200_000_000)
ballast[::4096] = b"1" * len(ballast[::4096])
subprocess.run([sys.executable, "-c", {TELL!r}])
"""


def test_a_process_tells_its_own_memory_and_not_that_of_who_started_it() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FROM_A_LARGE_ONE], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    now, most = map(int, told.split())
    assert 5_000_000 < now <= most < 100_000_000


def test_the_most_stays_when_memory_is_given_back() -> None:
    program = f"block = bytearray(100_000_000); block[::4096] = b'1' * len(block[::4096]); del block; {TELL}"
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    now, most = map(int, told.split())
    assert now < 100_000_000 < most
