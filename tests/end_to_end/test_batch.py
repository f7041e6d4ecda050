"""The real `oss batch`: killed, interrupted, told to end, its output closed, and gone on with."""

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness import open_terminal, run_oss

OSS = [sys.executable, "-m", "oss_cli"]
WORDS = ("banana", "apple", "window", "river", "tiger", "maple", "copper", "violet", "kettle", "lantern")
COUNT = 200


@pytest.fixture
def command(tiny_gpt_oss: Path) -> list[str]:
    """A batch of 200 requests."""
    lines = [{"id": f"r{number}", "prompt": f"Say the word {WORDS[number % 10]}."} for number in range(COUNT)]
    Path("in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return ["batch", "in.jsonl", "-o", "out.jsonl", "-m", str(tiny_gpt_oss), "--temperature", "0"]


def start(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*OSS, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def done() -> int:
    """How many records there are."""
    return Path("out.jsonl").read_bytes().count(b"\n") if Path("out.jsonl").exists() else 0


def wait_for(count: int, child: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while done() < count:
        assert child.poll() is None and time.monotonic() < deadline, f"{done()} records"
        time.sleep(0.002)


def check_complete() -> None:
    records = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    assert len(records) == COUNT
    answers = {record["id"]: record["answer"] for record in records}
    assert answers == {f"r{number}": WORDS[number % 10] for number in range(COUNT)}


@pytest.mark.parametrize("ordered", [[], ["--ordered"]], ids=["as they come", "ordered"])
def test_a_batch_killed_three_times_ends_complete_and_no_line_twice(command: list[str], ordered: list[str]) -> None:
    command += ordered
    for count in sorted(random.Random(5).sample(range(1, COUNT - 40), 3)):
        child = start(command)
        wait_for(count, child)
        child.kill()
        assert child.wait() == -signal.SIGKILL
        child.communicate()
        assert done() < COUNT
    result = run_oss(*command)
    assert result.status == 0
    assert re.fullmatch(r"200 requests, \d+ of them done before: 200 answered, 0 failed; .*\n", result.stderr)
    check_complete()
    ids = [json.loads(line)["id"] for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    assert not ordered or ids == [f"r{number}" for number in range(COUNT)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_batch_that_is_interrupted_names_the_command_that_goes_on(
    command: list[str], number: signal.Signals, status: int
) -> None:
    child = start(command)
    wait_for(20, child)
    child.send_signal(number)
    out, errors = child.communicate(timeout=30)
    assert (out, child.returncode) == ("", status)
    assert errors == (
        f"stopped: {done()} of 200 requests are done\n"
        f"hint: to go on from there: oss batch in.jsonl --output out.jsonl --model {command[5]} --temperature 0\n"
    )
    _, *again = shlex.split(errors.rpartition(": ")[2])
    assert run_oss(*again).status == 0
    check_complete()


def test_a_closed_standard_output_ends_a_batch_like_any_filter(command: list[str]) -> None:
    child = start([*command[:2], *command[4:]])
    assert child.stdout is not None and child.stderr is not None
    first = child.stdout.readline()
    child.stdout.close()
    assert child.wait(60) == 141
    assert json.loads(first)["error"] is None
    assert child.stderr.read() == ""
    child.stderr.close()


def test_two_at_once_never_write_to_one_file(command: list[str]) -> None:
    line = json.dumps({"prompt": "Tell a long story about a dragon.", "effort": "low"})  # it never ends
    Path("in.jsonl").write_text(json.dumps({"prompt": "Say the word banana."}) + "\n" + line + "\n", "utf-8")
    child = start(command)
    wait_for(1, child)
    second = run_oss(*command)
    assert (second.stdout, second.stderr, second.status) == (
        "",
        "error: another oss batch writes to out.jsonl\nhint: wait for it, or take another file\n",
        2,
    )
    child.kill()
    child.communicate()


def test_a_person_sees_how_far_it_is_and_what_came_of_it(command: list[str]) -> None:
    with open_terminal(*command, columns=100) as terminal:
        terminal.see("of 200 · ")
        assert terminal.wait() == 0
    assert re.search(r"\[#*-+\] \d+ of 200 · [\d,]+ tokens/s · \d:\d\d left", terminal.raw.decode())
    assert re.fullmatch(r"200 requests: 200 answered, 0 failed; [\d,]+ tokens in .* s, .* tokens/s\n", terminal.text)
    check_complete()


def test_records_on_a_terminal_come_without_a_bar(command: list[str]) -> None:
    with open_terminal(*command[:2], *command[4:], columns=400) as terminal:
        assert terminal.wait() == 0
    assert b"[#" not in terminal.raw and b"[-" not in terminal.raw


def test_a_device_that_is_full_is_an_error_and_gets_no_file_beside_it(command: list[str]) -> None:
    child = subprocess.run([*OSS, *command[:3], "/dev/full", *command[4:]], capture_output=True, text=True, check=False)
    assert (child.stdout, child.stderr, child.returncode) == (
        "",
        "stopped: 0 of 200 requests are done\nerror: the output cannot be written\n  No space left on device\n",
        2,
    )
    assert not Path("/dev/full.state").exists()
