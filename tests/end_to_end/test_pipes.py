"""The real program in a shell's pipes: statuses, closed ends, bare environments."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

OSS = [sys.executable, "-m", "oss_cli"]


def test_a_closed_pipe_ends_the_program_like_any_filter() -> None:
    child = subprocess.Popen(
        [*OSS, "run", "--temperature", "0", "Write a long story about a king."],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None and child.stderr is not None
    child.stdout.read(10)
    child.stdout.close()
    assert child.wait(60) == 141
    assert child.stderr.read() == b""
    child.stderr.close()


def test_ctrl_c_in_a_pipe_leaves_the_partial_answer_and_exits_130() -> None:
    child = subprocess.Popen(
        [*OSS, "run", "--temperature", "0", "Write a long story about a king."],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None and child.stderr is not None
    first = child.stdout.read(10)
    child.send_signal(signal.SIGINT)
    rest, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (130, b"")
    assert (first + rest).endswith(b"\n")


def test_ctrl_c_during_a_load_stops_within_half_a_second(smollm2: Path) -> None:
    child = subprocess.Popen([*OSS, "run", "Hi"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.4)  # it waits for its standard input
    child.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (130, b"")
    assert time.monotonic() - started < 1


def test_it_works_without_home_terminal_or_locale(tiny_gpt_oss: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    child = subprocess.run(
        [*OSS, "run", "-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "Say the word Zürich."],
        stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd="/", timeout=60, check=False,
    )  # fmt: skip
    assert (child.stdout, child.stderr, child.returncode) == ("Zürich\n".encode(), b"", 0)


def test_it_works_with_standard_input_closed(tiny_gpt_oss: Path) -> None:
    command = f'"{sys.executable}" -m oss_cli run -m "{tiny_gpt_oss}" -e low --temperature 0 "Say the word banana." <&-'
    child = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (child.stdout, child.stderr, child.returncode) == ("banana\n", "", 0)


def test_a_bug_of_ours_is_one_line_and_a_log(tmp_path: Path) -> None:
    program = (
        "import sys\nimport oss_cli.wiring as wiring\nfrom oss_cli.__main__ import main\n"
        "def broken(name):\n    raise KeyError('lost')\n"
        "wiring.choose_model = broken\nsys.exit(main(['run', 'hi']))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    log = tmp_path / "oss-home" / "cache" / "oss.log"
    assert (child.stdout, child.returncode) == ("", 1)
    assert child.stderr == f"error: this is a bug in oss: KeyError: 'lost' (the details are in {log})\n"
    assert "Traceback" in log.read_text("utf-8")


def status_of(command: str) -> tuple[int, str]:
    """Exit status and stderr of a shell command in which `oss` stands for the program."""
    script = f'oss() {{ "{sys.executable}" -m oss_cli "$@"; }}; {command}'
    child = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return child.returncode, child.stderr


def test_output_that_cannot_be_written_is_an_error_and_no_bug(tiny_gpt_oss: Path) -> None:
    full = "error: the output cannot be written\n  No space left on device\n"
    assert status_of(f"oss run -m {tiny_gpt_oss} -e low 'Hi' > /dev/full") == (2, full)
    assert status_of("oss list > /dev/full") == (2, full)
    closed = "error: the output cannot be written\n  standard output is closed\n"
    assert status_of("oss list >&-") == (2, closed)


def test_an_error_that_nobody_can_read_keeps_its_status() -> None:
    assert status_of("oss run -m nope hi 2>/dev/full")[0] == 3
    assert status_of("oss run -m nope hi 2>&-")[0] == 3


def test_help_and_version_end_quietly_on_a_closed_pipe() -> None:
    for command in ("oss --version", "oss --help", "oss run --help"):
        assert status_of(f"sleep 0.01 | {{ {command}; exit $?; }} > >(exec >&- <&-; true)")[0] in (0, 141)
        assert status_of(f"{{ sleep 0.2; {command}; echo $? >&2; }} | true") in ((0, "141\n"), (0, "0\n"))


def test_odd_names_are_unknown_models_and_not_bugs() -> None:
    assert status_of(f"oss run -m {'x' * 300} hi")[0] == 3
    assert status_of("oss run -m '~nobody9/x.gguf' hi")[0] == 7
    assert status_of("oss run nosuch.gguf")[0] == 7
    assert status_of("mkfifo pipe.gguf; oss run -m pipe.gguf hi")[0] == 7
    assert status_of("oss run -m '' hi")[0] == 7


def test_a_script_of_turns_must_be_utf8(tiny_gpt_oss: Path) -> None:
    assert status_of(f"printf 'Hi\\n\\xff\\n' | oss chat {tiny_gpt_oss} -e low") == (
        2,
        "error: standard input is not UTF-8 text\n  line 2, byte 0 is 0xff\n",
    )
    assert status_of("oss run $'\\xff hi'")[0] == 2
