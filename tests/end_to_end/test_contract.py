"""What `oss run` promises to pipelines: each row of the README's table, on the real program as a child process."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.harness import open_terminal

Test = TypeVar("Test", bound=Callable[..., None])

ROWS: set[str] = set()
"""Of the README's table, those that something here proves."""

RUNAWAY = "Tell a long story about a dragon."
"""The tiny model never ends it."""
THOUGHT = "The user wants the word banana. I should check what is needed. I will answer now.\n"


def proves(row: str) -> Callable[[Test], Test]:
    """Say of which row of the contract a test is."""
    ROWS.add(row)
    return lambda test: test


def oss(*arguments: str, stdin: bytes = b"", **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the program on pipes."""
    return subprocess.run(
        [sys.executable, "-m", "oss_cli", *arguments], input=stdin, capture_output=True,
        env={**os.environ, **environment}, timeout=60, check=False,
    )  # fmt: skip


def shell(command: str, *, stdin: int = subprocess.DEVNULL, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A command of bash in which `oss` stands for the program."""
    script = f'set -o pipefail; oss() {{ "{sys.executable}" -m oss_cli "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", script], stdin=stdin, capture_output=True, env={**os.environ, **environment}, timeout=60,
        check=False,
    )  # fmt: skip


def outcome(done: "subprocess.CompletedProcess[bytes]") -> tuple[str, str, int]:
    """What came of it."""
    return done.stdout.decode(), done.stderr.decode(), done.returncode


@pytest.fixture(scope="session")
def tiny(tiny_gpt_oss: Path) -> list[str]:
    """`run` on the tiny gpt-oss, with no chance in it."""
    return ["run", "-m", str(tiny_gpt_oss), "--temperature", "0"]


def start(*arguments: str, errors: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
    """The program while it runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
    )  # fmt: skip


def stop(child: "subprocess.Popen[bytes]", number: int) -> tuple[bytes, bytes]:
    """Send a signal; what the program still wrote."""
    assert child.stdout is not None and child.stderr is not None
    child.send_signal(number)
    with child:  # communicate() would not see what has been read ahead
        rest, errors = child.stdout.read(), child.stderr.read()
    return rest, errors


@proves("standard output")
def test_stdout_is_the_answer_byte_for_byte(tiny: list[str], smollm2: Path) -> None:
    assert outcome(oss(*tiny, "-e", "high", "Say the word banana.")) == ("banana\n", "", 0)
    assert outcome(oss(*tiny, "-e", "low", "Say the word Zürich.", LC_ALL="C")) == ("Zürich\n", "", 0)
    assert outcome(oss("run", "-m", str(smollm2), "--temperature", "0", "Hi")) == (
        "Hello! How can I help you today?\n", "", 0,
    )  # fmt: skip


@proves("standard error")
def test_stderr_of_a_pipe_gets_what_was_asked_for_and_nothing_else(tiny: list[str]) -> None:
    stdout, stderr, status = outcome(oss(*tiny, "-e", "high", "--seed", "3", "-R", "--stats", "Say the word banana."))
    assert (stdout, status) == ("banana\n", 0)
    assert stderr.startswith(f"{THOUGHT}seed 3 · 39 tokens · ")
    assert stderr.count("\n") == 2


@proves("escape sequences")
def test_escape_sequences_go_to_a_terminal_alone_and_the_streams_can_differ(tiny: list[str]) -> None:
    arguments = [sys.executable, "-m", "oss_cli", *tiny, "-e", "high", "-R", "Say the word banana."]
    environment = {**os.environ, "TERM": "xterm-256color"}
    del environment["NO_COLOR"]
    for watched in ("stdout", "stderr"):
        ours, theirs = pty.openpty()
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, watched: theirs}
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, env=environment, **pipes)
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        stdout, stderr = child.communicate(timeout=60)
        if watched == "stdout":
            assert (stderr.decode(), b"banana" in shown) == (THOUGHT, True)
        else:
            assert (stdout, b"\x1b[2m" in shown) == (b"banana\n", True)


@proves("input")
def test_files_come_first_then_standard_input_then_the_prompt(smollm2: Path) -> None:
    Path("a.txt").write_bytes("ä\n".encode("latin-1") + b"two lines\n")
    Path("b.txt").write_text("```\nfence\n```\n", "utf-8")
    a, b = "File a.txt:\n```\nä\ntwo lines\n```\n\n", "File b.txt:\n````\n```\nfence\n```\n````\n\n"
    run = ["run", "--dry-run", "-m", str(smollm2), "-s", "S"]

    def user(*arguments: str, stdin: bytes = b"") -> str:
        stdout, stderr, status = outcome(oss(*run, *arguments, stdin=stdin))
        assert (stderr, status) == ("", 0)
        return stdout.partition("user\n")[2].removesuffix("<|im_end|>\n<|im_start|>assistant\n\n")

    assert user("-f", "a.txt", "-f", "b.txt", "Sum up.", stdin=b"piped\n") == f"{a}{b}piped\n\nSum up."
    assert user("-f", "b.txt", "-f", "-", "Sum up.", stdin=b"piped\n") == (
        f"{b}File standard input:\n```\npiped\n```\n\nSum up."
    )
    assert user("-", stdin=b"piped\r\nmore\n") == "piped\nmore"
    assert user("-f", "a.txt") == a.rstrip("\n")
    assert outcome(oss(*run, "-f", "-", "-", stdin=b"x")) == (
        "", "error: standard input is named twice\n  it can be read only once\n", 2,
    )  # fmt: skip


@proves("input")
def test_a_file_may_be_what_another_command_writes(smollm2: Path) -> None:
    run = f"oss run --dry-run -m {smollm2} -s S"
    piped = shell(f"{run} -f <(echo one) -f <(printf 'two\\n') 'Sum up.' | grep -v '^File /dev/fd/'")
    text = "```\none\n```\n\n```\ntwo\n```\n\nSum up.<|im_end|>"
    assert (text in piped.stdout.decode(), piped.stderr, piped.returncode) == (True, b"", 0)
    dry = outcome(shell(f"echo piped | {run} -f /dev/stdin 'Sum up.'"))[0]
    assert "user\nFile standard input:\n```\npiped\n```\n\nSum up.<|im_end|>" in dry
    stdout, stderr, status = outcome(shell(f"{run} -f <(printf 'caf\\xe9') Hi 2>&1 | sed 's/fd.[0-9]*/fd/'"))
    assert (stdout, stderr, status) == (
        "error: /dev/fd is not UTF-8 text\n  byte 3 of 4 is 0xe9\n"
        "hint: if it is a text, name its encoding: --encoding latin-1\n",
        "",
        2,
    )


@proves("input")
def test_an_empty_name_is_no_folder_whose_files_a_model_is_told(smollm2: Path) -> None:
    """As `-f "$FILE"` in a script that forgot to set it."""
    Path("secret.txt").write_text("secret\n", "utf-8")
    assert outcome(oss("run", "--dry-run", "-m", str(smollm2), "-f", "", "Sum up.")) == (
        "", "error: a file without a name cannot be read\n  -f was given an empty text\n", 2,
    )  # fmt: skip


@proves("input")
def test_a_file_called_dash_can_be_named(smollm2: Path) -> None:
    Path("-").write_text("dash\n", "utf-8")
    dry = outcome(oss("run", "--dry-run", "-m", str(smollm2), "-f", "./-", "Sum up."))[0]
    assert "File -:\n```\ndash\n```\n\nSum up." in dry


@proves("encodings")
def test_bytes_that_are_no_text_are_an_error_before_a_model_is_loaded() -> None:
    name = "hint: if it is a text, name its encoding: --encoding latin-1\n"
    for data, message in (
        (b"caf\xe9", f"error: standard input is not UTF-8 text\n  byte 3 of 4 is 0xe9\n{name}"),
        (b"\x89PNG\r\n\x1a\n\0\0", f"error: standard input is not text\n  it seems to be a PNG image\n{name}"),
        (b"a\0b", f"error: standard input is not text\n  it holds NUL bytes\n{name}"),
        (b"x" * 32_000_001, "error: standard input is larger than any context\n  it has more than 32 MB\n"),
    ):
        stdout, stderr, status = outcome(oss("run", "Hi", stdin=data))
        assert (stdout, stderr, status) == ("", message, 5 if "larger" in message else 2)
    Path("x.bin").write_bytes(b"\x7fELF\0\0")
    assert outcome(oss("run", "-f", "x.bin", "Hi")) == (
        "", "error: x.bin cannot be attached\n  it is not text; it seems to be a program\n", 2,
    )  # fmt: skip
    assert outcome(oss("run", "--encoding", "klingon", "Hi"))[1:] == (
        "error: there is no encoding called 'klingon'\n"
        "hint: --encoding utf-16, cp1252, latin-1, shift-jis, gb18030, ...\n",
        2,
    )


@proves("encodings")
def test_an_encoding_can_be_named_and_a_byte_order_mark_names_it(tiny: list[str]) -> None:
    prompt = "Say the word Zürich."
    Path("p.txt").write_text(prompt, "utf-16-le")
    for data, options in (
        (prompt.encode("latin-1"), ["--encoding", "latin-1"]),
        (prompt.encode("utf-16"), []),
        (prompt.encode("utf-8-sig"), []),
    ):
        assert outcome(oss(*tiny, "-e", "low", *options, stdin=data)) == ("Zürich\n", "", 0)
    dry = oss(*tiny, "--dry-run", "-f", "p.txt", "--encoding", "utf-16-le")
    assert f"```\n{prompt}\n```" in dry.stdout.decode()
    bad = oss(*tiny, "-f", "p.txt", "--encoding", "ascii")
    assert outcome(bad)[1:] in [
        ("error: p.txt cannot be attached\n  it is not ascii: byte 28 is 0xfc\n", 2),
    ]


@proves("closed pipe")
def test_a_closed_pipe_ends_it_without_a_word(tiny: list[str]) -> None:
    for extra in ("", "--jsonl"):
        command = f"oss {' '.join(tiny)} -e low {extra} '{RUNAWAY}' | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
        assert outcome(shell(command)) == ("141\n", "", 0)


@proves("Ctrl-C, SIGTERM")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_said_stands_when_it_is_told_to_stop(tiny: list[str], number: int, status: int) -> None:
    child = start(*tiny, "-e", "low", RUNAWAY)
    assert child.stdout is not None
    first = child.stdout.read(10)
    rest, errors = stop(child, number)
    assert (child.returncode, errors) == (status, b"")
    assert len(first) == 10
    assert (first + rest).endswith(b"\n")


@proves("cut off")
def test_tokens_that_run_out_before_an_answer_are_an_error_and_after_it_are_told_in_json(tiny: list[str]) -> None:
    assert outcome(oss(*tiny, "-e", "high", "--max-tokens", "5", "Say the word banana.")) == (
        "",
        "error: the reply was cut off before its answer began\n"
        "  the limit was 5 tokens; all 5 tokens of the reply were reasoning\nhint: --max-tokens 512\n",
        11,
    )
    done = oss(*tiny, "-e", "low", "--max-tokens", "5", "--json", "Say the word banana.")
    value = json.loads(done.stdout)
    assert (value["answer"], value["stop_reason"], value["error"], done.returncode) == ("ban", "max_tokens", None, 0)


@proves("form")
@pytest.mark.parametrize(
    ("schema", "extra", "stdout", "stderr", "status"),
    [
        ("city, n int", [], '{"city":"Lisbon","n":42}\n', "", 0),
        ('{"items": {"const": 1}, "minItems": 2, "maxItems": 2, "uniqueItems": true}', [], "[ 1, 1 ]\n",
         "error: the answer does not fit the schema\n  #: [1, 1] has non-unique elements\n", 10),
        ("city, n int", ["--max-tokens", "8"], '{"city":"Lis\n',
         "error: the answer was cut off before it was whole\n  the limit was 8 tokens\nhint: --max-tokens 512\n", 11),
    ],
)  # fmt: skip
def test_an_answer_in_a_form_is_whole_and_valid_or_the_exit_status_says_so(
    tiny: list[str], schema: str, extra: list[str], stdout: str, stderr: str, status: int
) -> None:
    asked = "Answer in JSON: city Lisbon, number 42."
    assert outcome(oss(*tiny, "-e", "low", "--schema", schema, *extra, asked)) == (stdout, stderr, status)


@proves("cut off")
def test_an_answer_that_was_cut_off_is_told_in_a_pipe_as_well(tiny: list[str]) -> None:
    assert outcome(oss(*tiny, "-e", "low", "--max-tokens", "5", "Say the word banana.")) == (
        "ban\n", "the answer was cut off: the limit was 5 tokens; --max-tokens 512 allows more\n", 0,
    )  # fmt: skip
    stdout, stderr, status = outcome(oss(*tiny, "-e", "low", "--ctx", "100", RUNAWAY))
    assert (len(stdout) > 10, stderr, status) == (
        True, "the answer was cut off: the context of 100 tokens is full\n", 0,
    )  # fmt: skip


@proves("cut off")
def test_code_that_was_cut_off_is_no_code_to_be_run(smollm2: Path) -> None:
    run = ["run", "-m", str(smollm2), "--temperature", "0", "--max-tokens", "14", "-x"]
    error = "error: the block of code was cut off\n  the limit was 14 tokens\nhint: --max-tokens 512\n"
    stdout, stderr, status = outcome(oss(*run, CODE))
    assert (ADD.startswith(stdout.rstrip("\n")), stdout > "def ", stderr, status) == (True, True, error, 10)
    done = oss(*run, "--json", CODE)
    value = json.loads(done.stdout)
    assert (value["extracted"], value["stop_reason"], done.returncode) == (stdout.rstrip("\n"), "max_tokens", 10)
    assert value["error"] == {
        "cause": "the limit was 14 tokens", "exit_code": 10, "hint": "--max-tokens 512",
        "message": "the block of code was cut off",
    }  # fmt: skip
    assert done.stderr.decode() == error


@proves("full disk")
def test_a_full_disk_is_an_error(tiny: list[str]) -> None:
    full = "error: the output cannot be written\n  No space left on device\n"
    for extra in ("", "--json", "--jsonl", "--stats"):
        command = f"oss {' '.join(tiny)} -e low {extra} 'Say the word banana.' > /dev/full"
        assert outcome(shell(command)) == ("", full, 2)


@proves("questions")
def test_nothing_is_asked_without_a_terminal(tiny: list[str]) -> None:
    assert outcome(oss("run", stdin=b"")) == (
        "", 'error: there is no prompt\nhint: oss run "Why is the sky blue?"\n', 2,
    )  # fmt: skip
    assert outcome(oss("run", "-m", "gpt-oss-20b", "Hi"))[2] == 4
    assert outcome(oss("run", "-c", "Hi")) == (
        "", "error: there is no conversation to go on with\n  none is kept yet\nhint: oss chat\n", 2,
    )  # fmt: skip


@proves("bare environments")
def test_it_works_under_xargs_and_cron_and_with_its_input_closed(tiny_gpt_oss: Path) -> None:
    options = f"run -m {tiny_gpt_oss} -e low --temperature 0"
    program = f"{sys.executable} -m oss_cli {options}"
    command = f"printf '%s\\0' 'Say the word banana.' 'Say the word kiwi.' | xargs -0 -n 1 {program}"
    assert outcome(shell(command)) == ("banana\nkiwi\n", "", 0)
    assert outcome(shell(f"oss {options} 'Say the word banana.' <&-")) == ("banana\n", "", 0)
    bare = f"cd / && env -i {program} 'Say the word Zürich.'"
    assert outcome(shell(bare)) == ("Zürich\n", "", 0)
    assert outcome(shell(bare.replace("env -i", "env -i LC_ALL=C HOME=/nonexistent"))) == ("Zürich\n", "", 0)


@proves("standard error closed")
def test_an_answer_comes_where_nobody_can_read_what_goes_beside_it(tiny: list[str]) -> None:
    command = f"oss {' '.join(tiny)} -e high -v -R --stats 'Say the word banana.'"
    for errors in ("2>&-", "2>/dev/full", "2> >(exec 0<&-; sleep 0.1)"):
        assert outcome(shell(f"{command} {errors}")) == ("banana\n", "", 0)


@proves("standard error closed")
def test_no_file_of_ours_takes_the_place_of_a_closed_stream(tiny: list[str]) -> None:
    """As where a daemon starts us: what llama.cpp or Python write to descriptor 2 must never land in our files."""
    Path("in.jsonl").write_text('{"id": "a", "prompt": "Say the word banana."}\n', "utf-8")
    look = "import os, sys; print([os.path.basename(os.readlink(f'/proc/{sys.argv[1]}/fd/{n}')) for n in range(3)])"
    script = (
        f"{sys.executable} -m oss_cli batch in.jsonl -o pipe {' '.join(tiny[1:])} <&- 2>&- & "
        f'child=$!; exec 3< pipe; {sys.executable} -c "{look}" $child; cat <&3; wait $child'
    )
    os.mkfifo("pipe")
    stdout, stderr, status = outcome(shell(script, OSS_HOME="/proc/self/oss"))
    first, record = stdout.splitlines()
    assert (first.count("null"), json.loads(record)["answer"], stderr, status) == (2, "banana", "", 0)


@proves("read-only home")
def test_a_home_that_cannot_be_written_to_costs_nothing_but_what_would_be_kept(tiny: list[str]) -> None:
    home = "/proc/self/oss"  # nobody can make it, not even root
    assert outcome(oss(*tiny, "-e", "low", "Say the word banana.", OSS_HOME=home)) == ("banana\n", "", 0)
    stdout, stderr, status = outcome(oss(*tiny, "-e", "low", "--save", "Say the word banana.", OSS_HOME=home))
    assert (stdout, status) == ("banana\n", 0)
    assert stderr.startswith("error: the history ")


KEYS = ["answer", "conversation", "error", "extracted", "model", "options", "reasoning", "seed", "stop_reason"]
KEYS += ["timings", "usage", "valid", "versions"]


@proves("JSON")
def test_json_is_one_object_with_the_same_keys_sorted(tiny: list[str], tiny_gpt_oss: Path) -> None:
    done = oss(*tiny, "-e", "high", "--seed", "5", "-s", "Be brief.", "--json", "Say the word banana.")
    assert (done.stderr, done.returncode, done.stdout.count(b"\n")) == (b"", 0, 1)
    value = json.loads(done.stdout)
    assert list(value) == KEYS
    timings, versions = value.pop("timings"), value.pop("versions")
    assert list(timings) == ["decode_s", "first_token_s", "load_s", "prefill_s", "tokens_per_second", "total_s"]
    assert (list(versions), versions["json"]) == (["json", "llama_cpp_python", "oss"], 1)
    assert value == {
        "answer": "banana",
        "conversation": None,
        "error": None,
        "extracted": None,
        "model": {"name": "tiny-gpt-oss", "path": str(tiny_gpt_oss), "server": None, "sha256": None},
        "options": {
            "effort": "high", "logit_bias": {}, "max_tokens": None, "min_p": 0.0, "raw": False,
            "grammar": None, "reasoning_budget": None, "repeat_penalty": 1.0, "schema": None, "stop": [],
            "system": "Be brief.", "temperature": 0.0, "top_k": 100, "top_p": 1.0,
        },
        "reasoning": THOUGHT.rstrip("\n"),
        "seed": 5,
        "stop_reason": "end",
        "usage": {
            "accepted_tokens": 0, "context_tokens": 4096, "drafted_tokens": 0,
            "prompt_tokens": value["usage"]["prompt_tokens"], "reasoning_tokens": 25, "reply_tokens": 39,
            "reused_tokens": 0,
        },
        "valid": None,
    }  # fmt: skip


@proves("JSON")
def test_json_of_an_error_comes_once_the_reply_has_begun_and_not_before(tiny: list[str]) -> None:
    done = oss(*tiny, "-e", "high", "--max-tokens", "5", "--json", "Say the word banana.")
    value = json.loads(done.stdout)
    assert (list(value), value["answer"], value["reasoning"]) == (KEYS, "", "The user")
    assert (value["stop_reason"], done.returncode) == ("max_tokens", 11)
    assert value["error"] == {
        "cause": "the limit was 5 tokens; all 5 tokens of the reply were reasoning",
        "exit_code": 11,
        "hint": "--max-tokens 512",
        "message": "the reply was cut off before its answer began",
    }
    assert done.stderr.startswith(b"error: the reply was cut off")
    stdout, _, status = outcome(oss(*tiny, "--ctx", "20", "--json", "Say the word banana."))
    assert (stdout, status) == ("", 5)


@proves("JSON")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_json_of_a_reply_that_is_stopped_holds_what_was_said(tiny: list[str], number: int, status: int) -> None:
    child = start(*tiny, "-e", "low", "--jsonl", RUNAWAY)
    assert child.stdout is not None
    events: list[dict[str, Any]] = []
    while sum(event["event"] == "answer" for event in events) < 5:
        events.append(json.loads(child.stdout.readline()))
    rest, errors = stop(child, number)
    events += [json.loads(line) for line in rest.splitlines()]
    assert (child.returncode, errors) == (status, b"")
    last = events[-1]
    assert [events[0]["event"], last["event"], last["stop_reason"]] == ["start", "end", "cancelled"]
    told = "".join(event["text"] for event in events if event["event"] == "answer")
    assert last["answer"].startswith(told)  # a last piece may have come that could not be told any more
    assert len(last["answer"].removeprefix(told).split()) <= 1
    assert last["seed"] == events[0]["seed"]
    assert sorted(last) == sorted([*KEYS, "event"])


@proves("JSON")
def test_json_lines_come_as_they_come(tiny: list[str]) -> None:
    done = oss(*tiny, "-e", "high", "--jsonl", "Say the word banana.")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert list(dict.fromkeys(kinds)) == ["start", "progress", "reasoning", "answer", "end"]
    assert "".join(event["text"] for event in events if event["event"] == "reasoning") == THOUGHT.rstrip("\n")
    assert events[-1]["answer"] == "banana"
    assert done.returncode == 0


CODE = "Write a Python function that adds two numbers."
ADD = "def add_numbers(num1, num2):\n    return num1 + num2\n"


def test_code_alone_can_be_had(smollm2: Path) -> None:
    run = ["run", "-m", str(smollm2), "--temperature", "0"]
    assert outcome(oss(*run, "-x", CODE)) == (ADD, "", 0)
    value = json.loads(oss(*run, "-x", "--json", CODE).stdout)
    assert (value["extracted"], value["stop_reason"], ADD in value["answer"]) == (ADD, "end", True)
    assert outcome(oss(*run, "-x", "Hi")) == (
        "", "Hello! How can I help you today?\nerror: there is no block of code in the answer\n", 10,
    )  # fmt: skip
    stdout, stderr, status = outcome(oss(*run, "--extract-lang", "rust", "--json", "Hi"))
    assert (json.loads(stdout)["error"]["exit_code"], json.loads(stdout)["extracted"], status) == (10, None, 10)
    assert stderr == "error: there is no block of code in rust in the answer\n"


def test_raw_goes_on_with_the_text_as_it_is(smollm2: Path) -> None:
    run = ["run", "--raw", "-m", str(smollm2), "--temperature", "0", "--max-tokens", "4"]
    assert outcome(oss(*run, "three, four,", stdin=b"One, two, ")) == (" five, six,\n", "", 0)
    assert outcome(oss(*run, "--dry-run", "b\n", stdin=b"a\n", OSS_SYSTEM="Be brief.")) == ("a\nb\n\n", "", 0)
    for option, cause in (
        ("-c", "has no conversation"),
        ("--save", "has no conversation"),
        ("-sX", "has no place for"),
    ):
        stdout, stderr, status = outcome(oss(*run, option, "One"))
        assert (stdout, cause in stderr, status) == ("", True, 2)


def test_save_keeps_a_conversation_and_a_plain_run_none(tiny: list[str], tmp_path: Path) -> None:
    low = [*tiny, "-e", "low"]
    assert outcome(oss(*low, "Say the word banana."))[2] == 0
    assert not (tmp_path / "oss-home" / "history.sqlite3").exists()
    value = json.loads(oss(*low, "--save", "--json", "My name is Alice.").stdout)
    kept = json.loads(oss("history", "list", "--json").stdout)
    assert [one["id"] for one in kept] == [value["conversation"]]
    assert outcome(oss(*low, "--cid", value["conversation"][:6], "What is my name?")) == (
        "Your name is Alice.\n",
        "",
        0,
    )
    assert outcome(oss(*low, "--save", "Hi", OSS_PRIVATE="1")) == (
        "",
        "error: nothing can be kept\n  the setting private is true\nhint: OSS_PRIVATE=false oss run --save\n",
        2,
    )


def test_a_person_is_told_where_it_was_kept(tiny: list[str]) -> None:
    with open_terminal(*tiny, "-e", "low", "--save", "Say the word banana.") as terminal:
        terminal.expect("banana")
        terminal.expect("(kept: oss run --conversation ")
        assert terminal.wait() == 0


def test_code_that_has_come_is_not_waited_for(smollm2: Path) -> None:
    child = start("run", "-m", str(smollm2), "--temperature", "0", "-x", f"{CODE} Then tell a very long story.")
    timer = threading.Timer(60, child.kill)
    timer.start()
    started = time.monotonic()
    stdout, _ = child.communicate()
    timer.cancel()
    assert (child.returncode, time.monotonic() - started < 60) == (0, True)
    assert stdout.startswith(b"def ")
