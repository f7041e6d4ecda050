"""What a chat leaves on the disk: everything, also after kill -9; or, in private, nothing at all."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import open_terminal, run_oss


def kept() -> list[dict[str, Any]]:
    """The messages of the last conversation."""
    messages: list[dict[str, Any]] = json.loads(run_oss("history", "show", "--json").stdout)["messages"]
    return messages


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_chat_goes_on_with_the_last_conversation(tiny_gpt_oss: Path) -> None:
    first = run_oss("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low", stdin="My name is Alice.\n")
    assert first.stdout == "Nice to meet you, Alice.\n"
    second = run_oss("chat", "-m", str(tiny_gpt_oss), "-c", "--temperature", "0", stdin="What is my name?\n")
    assert second.stdout == "Your name is Alice.\n"
    assert [one["making"]["effort"] for one in kept() if "making" in one] == ["low", "low"], "effort goes along"


def test_a_run_goes_on_with_a_conversation_and_keeps_what_it_says(tiny_gpt_oss: Path) -> None:
    run_oss("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low", stdin="My name is Alice.\n/title Names\n")
    model = ("-m", str(tiny_gpt_oss), "--temperature", "0")
    assert run_oss("run", *model, "-c", "What is my name?").stdout == "Your name is Alice.\n"
    (listed,) = json.loads(run_oss("history", "list", "--json").stdout)
    assert run_oss("run", *model, "--conversation", listed["id"][:4], "Say the word banana.").stdout == "banana\n"
    assert [one["content"] for one in kept()][2:] == [
        "What is my name?",
        "Your name is Alice.",
        "Say the word banana.",
        "banana",
    ]


def test_a_run_by_itself_keeps_nothing(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    run_oss("run", "-m", str(tiny_gpt_oss), "Say the word banana.")
    assert sorted(path.name for path in files_below(tmp_path / "oss-home")) == ["shapes.json", "usage.json"]


@pytest.mark.parametrize("command", ["run", "chat"])
def test_there_must_be_a_conversation_to_go_on_with(tiny_gpt_oss: Path, command: str) -> None:
    result = run_oss(command, "-m", str(tiny_gpt_oss), "-c", stdin="Hello!\n")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == "error: there is no conversation to go on with\n  none is kept yet\nhint: oss chat\n"


def test_a_conversation_that_has_outgrown_the_context_is_told_to_a_run(tiny_gpt_oss: Path) -> None:
    run_oss("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low", stdin="Count to 20.\n")
    model = ("-m", str(tiny_gpt_oss), "--temperature", "0", "--ctx", "160")
    refused = run_oss("run", *model, "-c", "Say the word banana.")
    assert (refused.stdout, refused.status) == ("", 5)
    assert refused.stderr.startswith("error: the conversation has outgrown the context\n")
    answered = run_oss("run", *model, "-c", "--overflow", "drop", "Say the word banana.")
    assert (answered.stdout, answered.status) == ("banana\n", 0)


def test_a_private_chat_leaves_no_trace(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    secret = "xylophone"
    with open_terminal("chat", str(tiny_gpt_oss), "--private", "--temperature", "0", HOME=str(tmp_path)) as terminal:
        terminal.expect("\n›")
        terminal.send(f"Say the word {secret}.\r")
        terminal.see("private")
        terminal.see("tokens/s")
        terminal.send(f"/title {secret}\r")
        terminal.expect(f"title: {secret}")
        terminal.send("/exit\r")
        assert terminal.wait() == 0
        assert secret in terminal.text
    for path in files_below(tmp_path):
        assert secret.encode() not in path.read_bytes(), path
        assert path.name not in ("usage.json", "shapes.json")
    assert json.loads(run_oss("history", "list", "--json").stdout) == []


def test_a_chat_that_is_killed_keeps_its_reply_and_goes_on_from_there() -> None:
    question = "Write a very long story about a king and his horse."
    with open_terminal("chat", "smollm2-135m", "--temperature", "0") as terminal:
        terminal.expect("\n›")
        terminal.send(question + "\r")
        terminal.see("Once upon a time", timeout_s=60)
        terminal.watch(0.5)
        shown_a_second_ago = reply_in(terminal.text, question)
        terminal.watch(1.0)
        os.kill(terminal.child.pid, signal.SIGKILL)
        terminal.wait()
        shown = reply_in(terminal.text, question)
    asked, reply = kept()
    assert (asked["content"], reply["making"].get("reason")) == (question, None)
    told = "".join(reply["content"].split())
    assert told.startswith(shown_a_second_ago) and (shown.startswith(told) or told.startswith(shown))
    with open_terminal("chat", "-c", "--temperature", "0") as terminal:
        terminal.see("(this reply was broken off; /continue goes on)")
        terminal.see("\n›")
        terminal.send("/continue\r")
        while len(kept()[1]["content"]) <= len(reply["content"]):
            terminal.watch(0.2)
        terminal.interrupt()
        terminal.see("(stopped; /continue goes on)")
        terminal.send("/exit\r")
        assert terminal.wait() == 0
    (_, longer) = kept()
    assert longer["content"].startswith(reply["content"]) and len(longer["content"]) > len(reply["content"])


def reply_in(text: str, question: str) -> str:
    """What has been shown of a reply, without white space."""
    return "".join(text.partition(question)[2].split())


def test_a_damaged_history_does_not_stop_a_chat(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    database = tmp_path / "oss-home" / "history.sqlite3"
    database.parent.mkdir()
    database.write_bytes(b"this is no database" * 100)
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0") as terminal:
        terminal.see("(what is said here from now on is not kept)")
        terminal.send("Say the word banana.\r")
        terminal.see("\nbanana\n")
        terminal.send("/exit\r")
        assert terminal.wait() == 0
    assert database.read_bytes() == b"this is no database" * 100


def test_two_chats_at_once_keep_both_conversations(tiny_gpt_oss: Path) -> None:
    command = [sys.executable, "-m", "oss_cli", "chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low"]
    chats = []
    for number in range(2):
        script = Path(f"{number}.txt")
        script.write_text(f"My name is Alice.\nCount to 20.\nWhat is my name?\n/title Chat {number}\n", "utf-8")
        with script.open("rb") as lines:
            chats.append(subprocess.Popen(command, stdin=lines, stdout=subprocess.DEVNULL))
    for child in chats:
        assert child.wait(60) == 0
    listed = json.loads(run_oss("history", "list", "--json").stdout)
    assert sorted((one["title"], one["messages"]) for one in listed) == [("Chat 0", 6), ("Chat 1", 6)]
