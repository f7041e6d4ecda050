"""A model that stays in memory: real processes that keep it, are killed, hang, grow old and are in each other's way."""

import contextlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oss_cli.backends.base import Backend
from oss_cli.backends.held import HeldBackend
from oss_cli.conversation.events import StopReason, TextDelta, TokensSampled, TurnEnded, Usage
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.errors import HolderLost
from oss_cli.holders.client import HolderClient, Patience
from oss_cli.holders.folder import HoldersFolder
from oss_cli.holders.record import HolderRecord
from oss_cli.holders.stopping import is_alive, stop_holder
from tests.end_to_end.test_contract import RUNAWAY, oss, outcome
from tests.fakes.backend import ScriptedBackend
from tests.harness import open_terminal, run_oss

BANANA = "Say the word banana."


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[HoldersFolder]:
    """Where this test's holders are; none of them outlives it. The path is short enough for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="oss-") as home:
        monkeypatch.setenv("OSS_HOME", home)
        yield from _swept(HoldersFolder(Path(home) / "holders"))


def _swept(folder: HoldersFolder) -> Iterator[HoldersFolder]:
    yield folder
    with contextlib.suppress(Exception):
        folder.path.chmod(0o700)
    for record in folder.records():
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGCONT)
        stop_holder(folder, record)


@pytest.fixture
def tiny(tiny_gpt_oss: Path) -> list[str]:
    return ["run", "-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0"]


def load(model: Path, *options: str) -> int:
    """Put a model in memory; the process that keeps it."""
    done = oss("load", str(model), *options)
    stdout, stderr, status = outcome(done)
    found = re.fullmatch(
        rf"{model.stem} is in memory, kept by process (\d+) for \w+ after its last use\n", stdout
    )  # fmt: skip
    assert found is not None and (stderr, status) == ("", 0), (stdout, stderr)
    return int(found[1])


def only(folder: HoldersFolder) -> HolderRecord:
    (record,) = folder.records()
    return record


def told(stderr: str) -> str:
    """The first line of what `-v` says."""
    return stderr.partition("\n")[0]


def listed() -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = json.loads(run_oss("ps", "--json").stdout)
    return value


def wait_for(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


# ---- the same output


@pytest.fixture(scope="module")
def kept_home(tiny_gpt_oss: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home where the tiny model is kept in memory, for the tests that only ask it."""
    home = tmp_path_factory.mktemp("kept")
    world = {"HF_HOME": str(home), "OSS_THREADS": "1", "OSS_SPECULATION": "off"}  # as conftest.py has it
    done = subprocess.run(
        [sys.executable, "-m", "oss_cli", "load", str(tiny_gpt_oss)],
        env={**os.environ, **world, "OSS_HOME": str(home)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    yield home
    folder = HoldersFolder(home / "holders")
    stop_holder(folder, only(folder))


@pytest.mark.parametrize(
    "options",
    [
        ["-e", "high", BANANA],
        ["-e", "high", "-R", "--stats", "--seed", "5", "--json", BANANA],
        ["--jsonl", "--seed", "7", "--temperature", "1", BANANA],
        ["--reasoning-budget", "3", "-e", "high", BANANA],
        ["--raw", "--max-tokens", "12", "Once"],
        ["--schema", "city, n int", "-e", "low", "Answer in JSON: city Lisbon, number 42."],
        ["-s", "Be brief.", "--stop", "nan", BANANA],
        ["--max-tokens", "2", "-e", "high", BANANA],
        ["--save", "--json", "--seed", "1", BANANA],
        ["-c", BANANA],
        ["x " * 140_000],
    ],
    ids=lambda options: " ".join(options)[:30],
)
def test_a_reply_is_the_same_with_and_without_a_holder(
    kept_home: Path, tiny_gpt_oss: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_HOME", str(kept_home))
    command = ["run", "-m", str(tiny_gpt_oss), "--temperature", "0", *options[:-1]]
    warm = run_oss(*command, "-v", stdin=options[-1])
    assert told(warm.stderr).startswith("tiny-gpt-oss: it is in memory, kept by process ")
    warm = run_oss(*command, stdin=options[-1])
    monkeypatch.setenv("OSS_KEEP_ALIVE", "0")
    cold = run_oss(*command, stdin=options[-1])
    assert comparable(warm.stdout) == comparable(cold.stdout)
    assert comparable(warm.stderr) == comparable(cold.stderr)
    assert warm.status == cold.status


def comparable(text: str) -> str:
    """Without what is never the same twice: times, ids, and how much was in the cache."""
    text = re.sub(r'"timings": \{[^}]*\}|"conversation": "[^"]*"|"reused_tokens": \d+', "", text)
    text = re.sub(r'\{"done_tokens": \d+, "event": "progress".*\n', "", text)
    return re.sub(r" · [\d.]+ tokens/s| · first token after [\d.]+ s| of them \d+ reused", "", text)


def test_a_model_with_a_template_of_its_own_says_the_same(folder: HoldersFolder, smollm2: Path) -> None:
    command = ["run", "-m", str(smollm2), "--seed", "3", "--max-tokens", "40", "--json", "Name three colours."]
    cold = oss(*command, OSS_KEEP_ALIVE="0").stdout.decode()
    load(smollm2)
    assert comparable(oss(*command).stdout.decode()) == comparable(cold)


def test_what_a_prompt_begins_with_is_not_read_again(folder: HoldersFolder, smollm2: Path) -> None:
    load(smollm2)
    Path("long.txt").write_text("The quick brown fox jumps over the lazy dog. " * 40)
    usages = []
    for question in ("Which animal jumps?", "Which animal is lazy?"):
        done = oss("run", "-m", str(smollm2), "-f", "long.txt", "--json", "--max-tokens", "4", question)
        usages.append(json.loads(done.stdout)["usage"])
    assert [one["reused_tokens"] > 400 for one in usages] == [False, True]


def test_a_warm_run_loads_no_engine(kept_home: Path, tiny_gpt_oss: Path) -> None:
    program = (
        "import sys\nfrom oss_cli.__main__ import main\n"
        f"main(['run', '-m', {str(tiny_gpt_oss)!r}, '-e', 'low', '--temperature', '0', '--json', {BANANA!r}])\n"
        "print(' '.join(sys.modules))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "OSS_HOME": str(kept_home)},
    )  # fmt: skip
    answer, modules = child.stdout.splitlines()
    assert json.loads(answer)["answer"] == "banana"
    heavy = {"llama_cpp", "llama_cpp.llama_cpp", "jinja2", "numpy", "huggingface_hub", "httpx2", "http.client", "ssl"}
    heavy |= {"asyncio", "uvicorn", "starlette", "filelock", "oss_cli.machine.fit", "oss_cli.engine.llama.engine"}
    assert set(modules.split()) & heavy == set()


# ---- its life


def test_load_again_is_the_same_process_and_its_time_begins_anew(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    first = load(tiny_gpt_oss, "--keep-alive", "50s")
    assert listed()[0]["keep_alive_s"] == 50
    assert load(tiny_gpt_oss, "--keep-alive", "2h") == first
    (one,) = listed()
    assert (one["keep_alive_s"], one["state"], one["running"], one["pid"]) == (7200, "ready", 0, first)
    assert 7100 < one["idle_left_s"] <= 7200
    assert one["memory_bytes"] > 10_000_000


def test_it_leaves_when_nobody_has_used_it_for_its_time(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    load(tiny_gpt_oss, "--keep-alive", "1s")
    key = only(folder).key
    wait_for(lambda: not is_alive(folder, key))
    assert [path.suffix for path in sorted(folder.path.iterdir())] == [".lock", ".log", ".lock"]
    assert outcome(oss("ps")) == ("", "no model is kept in memory; oss load MODEL puts one there\n", 0)


def test_it_leaves_when_nobody_can_find_it_any_more(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    shutil.rmtree(folder.path)
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists())


def test_the_setting_keeps_what_run_has_loaded(folder: HoldersFolder, tiny: list[str]) -> None:
    done = oss(*tiny, BANANA, OSS_KEEP_ALIVE="5m")
    assert outcome(done) == ("banana\n", "", 0)
    pid = only(folder).pid
    done = oss(*tiny, "-v", BANANA)
    assert done.stdout == b"banana\n"
    assert told(done.stderr.decode()) == f"tiny-gpt-oss: it is in memory, kept by process {pid}"
    done = oss(*tiny, BANANA, OSS_KEEP_ALIVE="0")
    assert (done.stdout, listed()[0]["pid"], listed()[0]["keep_alive_s"]) == (b"banana\n", pid, 300)
    done = oss(*tiny, BANANA, OSS_KEEP_ALIVE="2h")
    assert (done.stdout, listed()[0]["pid"], listed()[0]["keep_alive_s"]) == (b"banana\n", pid, 7200)


def test_who_reads_the_output_of_run_does_not_wait_for_the_holder(folder: HoldersFolder, tiny: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, BANANA], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "OSS_KEEP_ALIVE": "10m"},
    ) as child:  # fmt: skip
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.read() + child.stderr.read() == b"banana\n"  # both come to their ends
    assert is_alive(folder, only(folder).key)


def test_it_has_a_session_a_folder_and_streams_of_its_own(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    assert os.getsid(pid) == pid
    process = Path(f"/proc/{pid}")
    assert (process / "cwd").readlink() == Path("/")
    streams = [str((process / "fd" / str(number)).readlink()) for number in range(3)]
    log = str(folder.log(only(folder).key))
    assert streams == ["/dev/null", log, log]
    modes = {path.name.partition(".")[2]: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert modes["json"] == modes["log"] == modes["lock"] == modes["start.lock"] == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_nothing_that_is_said_is_written_down(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    load(tiny_gpt_oss)
    assert oss(*tiny, "-s", "Zwetschgenknödel", f"{BANANA} Quittenmus").returncode == 0
    written = b"".join(path.read_bytes() for path in folder.path.iterdir() if path.is_file())
    assert b"Zwetschgen" not in written and b"Quitten" not in written and b"banana" not in written


def test_two_loads_at_once_make_one_process(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    pids: list[int] = []
    threads = [threading.Thread(target=lambda: pids.append(load(tiny_gpt_oss))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 3
    assert set(pids) == {only(folder).pid}


def test_other_options_have_a_process_of_their_own(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    first, second = load(tiny_gpt_oss), load(tiny_gpt_oss, "--ctx", "512", "--kv-type", "q8_0")
    assert first != second
    usual = {"speculation": "off", "threads": 1}
    assert [one["options"] for one in listed()] == [usual, {"ctx": 512, "kv_type": "q8_0", **usual}]
    done = oss(*tiny, "-v", "--ctx", "512", "--kv-type", "q8_0", BANANA)
    assert told(done.stderr.decode()) == f"tiny-gpt-oss: it is in memory, kept by process {second}"
    assert outcome(oss("stop")) == ("tiny-gpt-oss is out of memory\n" * 2, "", 0)
    assert listed() == []


def test_stop_names_what_is_not_there(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    assert outcome(oss("stop")) == ("", "no model is kept in memory\n", 0)
    load(tiny_gpt_oss)
    assert outcome(oss("stop", "gpt-oss-20b")) == (
        "", "error: gpt-oss-20b is not kept in memory\n  in memory: tiny-gpt-oss\nhint: oss ps\n", 2,
    )  # fmt: skip
    assert outcome(oss("stop", str(tiny_gpt_oss))) == ("tiny-gpt-oss is out of memory\n", "", 0)


def test_an_error_of_loading_is_the_usual_one(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    expected = outcome(oss("run", "-m", str(tiny_gpt_oss), "--ctx", "9999999", "Hi"))
    assert expected[2] == 5
    assert outcome(oss("load", str(tiny_gpt_oss), "--ctx", "9999999")) == expected
    bad = Path("bad.gguf")
    bad.write_bytes(b"GGUF" + bytes(100))
    expected = outcome(oss("run", "-m", "bad.gguf", "Hi"))
    assert expected[2] == 7
    told_so = outcome(oss("load", "bad.gguf"))
    assert (told_so[0], told_so[1].replace(str(bad.absolute()), "bad.gguf"), told_so[2]) == expected
    assert listed() == []


# ---- what goes wrong


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_holder_that_was_killed_is_not_missed(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    kill(load(tiny_gpt_oss))
    wait_for(lambda: not is_alive(folder, only(folder).key))
    socket_path = folder.socket(only(folder).key)
    assert socket_path is not None and socket_path.is_socket()
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)
    assert listed() == []
    assert load(tiny_gpt_oss) == only(folder).pid


def test_a_holder_that_dies_in_the_middle_of_a_reply_is_told_with_what_had_come(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    pid = load(tiny_gpt_oss)
    command = [sys.executable, "-m", "oss_cli", *tiny, "--json", RUNAWAY]
    child = subprocess.Popen(
        [*command[:-2], RUNAWAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert child.stdout is not None
    begun = child.stdout.read(20)
    kill(pid)
    rest, errors = child.communicate(timeout=30)
    error = (
        "error: the process that keeps tiny-gpt-oss in memory ended in the middle of the reply\n"
        "  {}\nhint: give the command again: the model is loaded anew\n"
    )
    assert errors.decode() in {error.format(why) for why in ("the connection was closed", "connection reset by peer")}
    assert child.returncode == 7
    assert (begun + rest).endswith(b"\n") and len(begun) == 20
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)


def test_json_has_the_partial_and_the_error(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    child = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, "--jsonl", RUNAWAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        value = json.loads(line)
        if value["event"] == "answer":
            said += value["text"]
            if pid and len(said) > 10:
                kill(pid)
                pid = 0
        elif value["event"] == "end":
            assert (value["answer"], value["stop_reason"], value["error"]["exit_code"]) == (said, "error", 7)
    child.communicate(timeout=30)
    assert (child.returncode, value["event"]) == (7, "end")


def test_a_chat_goes_on_after_its_holder_has_died_or_left(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    chat = ["chat", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "--private"]
    with open_terminal(*chat) as terminal:
        terminal.expect("/help shows the commands")
        terminal.send(f"{BANANA}\r")
        terminal.expect("banana", 60)
        kill(pid)
        terminal.send(f"{BANANA}\r")
        terminal.expect("banana", 60)
        assert "error" not in terminal.text
        terminal.send("\x04")
        assert terminal.wait() == 0


def test_a_chat_that_was_left_alone_puts_its_model_into_memory_again(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    chat = ["chat", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "--private"]
    with open_terminal(*chat, OSS_KEEP_ALIVE="2s") as terminal:
        terminal.expect("/help shows the commands")
        first = only(folder)
        terminal.send(f"{BANANA}\r")
        terminal.expect("banana", 60)
        terminal.expect("banana", 60)
        wait_for(lambda: not is_alive(folder, first.key))
        terminal.send(f"{BANANA}\r")
        terminal.expect("banana", 60)
        terminal.expect("banana", 60)
        assert only(folder).pid != first.pid
        terminal.send("\x04")
        assert terminal.wait() == 0


def test_a_reply_that_is_stopped_frees_the_holder_at_once(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    load(tiny_gpt_oss)
    child = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, RUNAWAY], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert child.stdout is not None
    child.stdout.read(20)
    assert listed()[0]["running"] == 1
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == 130
    wait_for(lambda: listed()[0]["running"] == 0, 10)
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)


def test_who_comes_second_waits(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    first = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, RUNAWAY], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert first.stdout is not None
    first.stdout.read(20)
    second = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, "-v", BANANA], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    wait_for(lambda: listed()[0]["waiting"] == 1)
    first.kill()
    first.communicate()
    answer, errors = second.communicate(timeout=60)
    assert (answer, told(errors)) == ("banana\n", f"tiny-gpt-oss: it is in memory, kept by process {pid}")


@pytest.mark.slow
def test_a_holder_that_hangs_is_passed_by_and_ended(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    pid = load(tiny_gpt_oss)
    os.kill(pid, signal.SIGSTOP)
    done = oss(*tiny, "-v", BANANA)
    assert done.stdout == b"banana\n"
    assert told(done.stderr.decode()) == (
        "tiny-gpt-oss: the process that keeps it in memory is not used: it does not answer"
    )
    assert listed()[0]["state"] == "silent"
    assert outcome(oss("stop")) == (
        f"tiny-gpt-oss is out of memory (process {pid} did not leave, and was killed)\n", "", 0,
    )  # fmt: skip


@pytest.mark.parametrize("has_said", [True, False], ids=["in the middle", "before the first word"])
def test_a_holder_that_hangs_in_a_reply_is_given_up(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path, has_said: bool
) -> None:
    pid = load(tiny_gpt_oss)
    opened: list[bool] = []

    def reopen(may_hold: bool) -> Backend:
        opened.append(may_hold)
        return ScriptedBackend([TextDelta("here"), TurnEnded(StopReason.END, Usage())])

    client = HolderClient(folder, only(folder), Patience(silence_s=0.3, answer_s=0.5))
    backend = HeldBackend(client, reopen)
    events = backend.reply([user_message(RUNAWAY)], ReplyOptions("2026-11-23"))
    if not has_said:
        os.kill(pid, signal.SIGSTOP)
        assert list(events)[1:] == [TextDelta("here"), TurnEnded(StopReason.END, Usage())]
        assert opened == [False]
        return
    while not isinstance(next(events), TokensSampled):
        pass
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(HolderLost) as lost:
        for _ in events:  # what had come already
            pass
    assert (lost.value.cause, lost.value.exit_code) == ("it does not answer", 7)
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)


def test_a_holder_that_is_only_slow_is_waited_for(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    """It says that it is there as often as it is asked, while another reply is made before this one."""
    load(tiny_gpt_oss)
    record = only(folder)
    first, second = (
        HeldBackend(HolderClient(folder, record, Patience(silence_s=0.01)), lambda may_hold: pytest.fail("it has gone"))
        for _ in range(2)
    )
    options = ReplyOptions("2026-11-23", SamplingOptions(temperature=0.0), ReasoningEffort.LOW)
    running = first.reply([user_message(RUNAWAY)], options)
    next(running)
    wanted = second.reply([user_message(BANANA)], options)
    threading.Timer(1.0, running.close).start()
    assert "".join(event.text for event in wanted if isinstance(event, TextDelta)) == "banana"


@pytest.mark.slow
def test_a_holder_that_hangs_in_a_reply_is_told_with_what_had_come(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    pid = load(tiny_gpt_oss)
    child = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, RUNAWAY], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    begun = child.stdout.read(20)
    os.kill(pid, signal.SIGSTOP)
    rest, errors = child.communicate(timeout=90)
    assert errors.decode() == (
        "error: the process that keeps tiny-gpt-oss in memory ended in the middle of the reply\n"
        "  it does not answer\nhint: give the command again: the model is loaded anew\n"
    )
    assert (child.returncode, (begun + rest)[-1:]) == (7, b"\n")
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)


def test_stop_lets_a_reply_come_to_its_end(folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path) -> None:
    load(tiny_gpt_oss)
    child = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", *tiny, "--max-tokens", "400", "--json", RUNAWAY], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    wait_for(lambda: listed()[0]["running"] == 1)
    assert outcome(oss("stop")) == ("tiny-gpt-oss is out of memory\n", "", 0)
    answer, errors = child.communicate(timeout=30)
    cut_off = "the answer was cut off: the limit was 400 tokens; --max-tokens 1600 allows more\n"
    assert (errors, child.returncode) == (cut_off, 0)
    assert (json.loads(answer)["stop_reason"], json.loads(answer)["usage"]["reply_tokens"]) == ("max_tokens", 400)


def rewrite(folder: HoldersFolder, **stamp: str) -> None:
    """Let a holder say that it is another one than it is."""
    record = only(folder)
    path = folder.path / f"{record.key}.json"
    value = json.loads(path.read_text())
    value["wanted"]["stamp"] |= stamp
    path.write_text(json.dumps(value))


def test_a_holder_of_another_making_is_passed_by_and_replaced_by_load(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    pid = load(tiny_gpt_oss)
    record = folder.path / f"{only(folder).key}.json"
    written = record.read_text()
    for stamp, why in (
        ({"catalogue": "0"}, "models.toml has changed since"),
        ({"protocol": "0"}, "it is of another version of oss"),
        ({"build": "/else:1:2"}, "it has another build of llama.cpp"),
        ({"version": "0.0.1", "build": "0"}, "it is of another version of oss"),
    ):
        record.write_text(written)
        rewrite(folder, **stamp)
        done = run_oss(*tiny, "-v", BANANA)
        assert done.stdout == "banana\n"
        assert told(done.stderr) == f"tiny-gpt-oss: what process {pid} keeps in memory is not used: {why}"
    again = oss("load", str(tiny_gpt_oss))
    assert again.stderr.decode() == f"tiny-gpt-oss is loaded anew: {why}\n"
    assert only(folder).pid != pid
    assert [one["pid"] for one in listed()] == [only(folder).pid]
    second = only(folder).pid
    record.write_text(json.dumps({"pid": second, "and": "what a later version may say"}))
    assert outcome(oss(*tiny, BANANA)) == ("banana\n", "", 0)
    assert load(tiny_gpt_oss) != second


def test_a_model_file_that_was_changed_or_removed_is_not_answered_for(
    folder: HoldersFolder, tiny_gpt_oss: Path, tmp_path: Path
) -> None:
    model = tmp_path / "mine.gguf"
    model.write_bytes(tiny_gpt_oss.read_bytes())
    pid = load(model)
    command = ["run", "-m", str(model), "-e", "low", "--temperature", "0", "-v", BANANA]
    model.write_bytes(tiny_gpt_oss.read_bytes())
    done = oss(*command)
    assert done.stdout == b"banana\n"
    assert told(done.stderr.decode()) == (
        f"mine: what process {pid} keeps in memory is not used: the model's file has changed since"
    )
    model.unlink()
    done = oss(*command)
    assert (done.stdout, done.returncode) == (b"", 7)
    assert told(done.stderr.decode()) == f"error: {model} does not exist"
    assert outcome(oss("stop", "mine")) == ("mine is out of memory\n", "", 0)


def test_a_folder_that_others_may_get_into_is_refused(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    load(tiny_gpt_oss)
    folder.path.chmod(0o770)
    unsafe = f"{folder.path} is not safe to use"
    why = "others may get in: its mode is 770"
    done = oss(*tiny, "-v", BANANA)
    assert done.stdout == b"banana\n"
    assert told(done.stderr.decode()) == f"tiny-gpt-oss: nobody can tell whether it is in memory: {unsafe}: {why}"
    for command in (["load", str(tiny_gpt_oss)], ["ps"], ["stop"]):
        expected = f"error: {unsafe}\n  {why}\nhint: chmod 700 {folder.path}\n"
        assert outcome(oss(*command)) == ("", expected, 9)
    done = oss(*tiny, BANANA, OSS_KEEP_ALIVE="10m")
    assert outcome(done) == ("banana\n", "", 0)


def test_a_link_in_the_place_of_the_folder_is_refused(
    folder: HoldersFolder, tiny_gpt_oss: Path, tmp_path: Path
) -> None:
    folder.path.parent.mkdir(exist_ok=True)
    (tmp_path / "other").mkdir(mode=0o700)
    folder.path.symlink_to(tmp_path / "other")
    done = oss("load", str(tiny_gpt_oss))
    assert told(done.stderr.decode()) == f"error: {folder.path} is not safe to use"
    folder.path.unlink()


def test_a_port_that_somebody_else_has_now_is_told_nothing(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    kill(load(tiny_gpt_oss))
    record = only(folder)
    wait_for(lambda: not is_alive(folder, record.key))
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        path = folder.path / f"{record.key}.json"
        value = json.loads(path.read_text())
        value["address"]["port"] = stranger.getsockname()[1]
        path.write_text(json.dumps(value))

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = stranger.accept()
                    with connection:
                        connection.settimeout(5)
                        heard.append(connection.recv(65536))
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"0" * 64)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        done = oss(*tiny, "-v", "-s", "secret", BANANA)
        stranger.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert done.stdout == b"banana\n"
    assert told(done.stderr.decode()) == (
        "tiny-gpt-oss: the process that keeps it in memory is not used: what answers is no holder"
    )
    everything = b"".join(heard)
    assert b"secret" not in everything and value["address"]["token"].encode() not in everything


def test_where_no_unix_socket_can_be_a_port_with_a_secret_does(
    tiny_gpt_oss: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ("x" * 100)
    monkeypatch.setenv("OSS_HOME", str(home))
    folder = HoldersFolder(home / "holders")
    pid = load(tiny_gpt_oss)
    try:
        assert folder.socket(only(folder).key) is None
        done = oss("run", "-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "-v", BANANA)
        assert (done.stdout, told(done.stderr.decode())) == (
            b"banana\n", f"tiny-gpt-oss: it is in memory, kept by process {pid}",
        )  # fmt: skip
    finally:
        stop_holder(folder, only(folder))


def test_without_its_packages_load_says_so_and_run_goes_on(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path, tmp_path: Path
) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "sitecustomize.py").write_text(
        "import importlib.util as util\nreal = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'uvicorn' else real(name, package)\n"
    )
    done = oss("load", str(tiny_gpt_oss), PYTHONPATH=str(hiding))
    assert outcome(done) == (
        "",
        "error: keeping a model in memory needs more packages\n  uvicorn is not installed\n"
        f"hint: {sys.executable} -m pip install 'oss-cli[serve]'\n",
        2,
    )
    with open_terminal(*tiny, BANANA, PYTHONPATH=str(hiding), OSS_KEEP_ALIVE="10m") as terminal:
        assert terminal.wait() == 0
    assert terminal.text.startswith("(keep_alive is 10m, but uvicorn is not installed: ")
    assert terminal.text.endswith("banana\n")


def test_a_home_that_cannot_be_written_to_costs_no_answer(tiny: list[str], tiny_gpt_oss: Path) -> None:
    home = "/proc/self/oss"  # nobody can make it, not even root
    assert outcome(oss(*tiny, BANANA, OSS_HOME=home, OSS_KEEP_ALIVE="10m")) == ("banana\n", "", 0)
    done = oss("load", str(tiny_gpt_oss), OSS_HOME=home)
    problem = "No such file or directory"
    assert outcome(done) == ("", f"error: {home}/holders cannot be written\n  {problem}\n", 9)


def test_a_model_that_is_removed_leaves_memory_first(folder: HoldersFolder, tiny_gpt_oss: Path) -> None:
    models = folder.path.parent / "models"
    models.mkdir()
    (models / "mine.gguf").write_bytes(tiny_gpt_oss.read_bytes())
    assert oss("load", "mine").returncode == 0
    done = run_oss("rm", "mine", "--yes")
    assert (done.stderr.splitlines()[-1], done.status) == ("mine is out of memory", 0)
    assert done.stdout.startswith("mine is removed; ")
    assert listed() == []


class BusyHolder:
    """Proves that it has a holder's token, says that it is well, and takes no request."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection:
                    connection.sendall(self._answer(connection.recv(65536).decode()))

    def _answer(self, request: str) -> bytes:
        if request.startswith("GET /oss/hello?nonce="):
            nonce = request.partition("=")[2].partition(" ")[0]
            return (
                b"HTTP/1.0 200 OK\r\n\r\n"
                + hmac.new(self._token.encode(), nonce.encode(), "sha256").hexdigest().encode()
            )
        if request.startswith("GET /oss/status"):
            value = {"running": 1, "waiting": 32, "keep_alive_s": 600, "idle_left_s": 600, "memory_bytes": 0}
            return b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(value).encode() + b"\n"
        return b"HTTP/1.0 429 Too Many Requests\r\n\r\n"

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def test_where_too_many_wait_already_the_model_is_loaded_here(
    folder: HoldersFolder, tiny: list[str], tiny_gpt_oss: Path
) -> None:
    kill(load(tiny_gpt_oss))
    path = folder.path / f"{only(folder).key}.json"
    value = json.loads(path.read_text())
    with contextlib.closing(BusyHolder(value["address"]["token"])) as busy:
        value["address"]["port"] = busy.port
        path.write_text(json.dumps(value))
        with open_terminal(*tiny, BANANA) as terminal:
            assert terminal.wait() == 0
        talked = oss("chat", str(tiny_gpt_oss), *tiny[3:], stdin=f"{BANANA}\n".encode())
    assert outcome(talked) == ("banana\n", "", 0)
    assert terminal.text == ("(the process that keeps tiny-gpt-oss in memory is busy: it is loaded again)\nbanana\n")
