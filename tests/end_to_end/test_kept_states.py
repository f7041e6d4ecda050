"""What a model has read is read once: in a chat of many turns, in the next chat, after /model, for the same file again.

All of it in tokens, never in seconds: `reused_tokens` of each reply, as the history and `--json` tell them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import open_terminal, run_oss
from tests.permissions import closed

SETTINGS = ("--temperature", "0", "--max-tokens", "60")
QUESTIONS = ["My name is Alice.", "What is my name?", "Say the word banana.", "Count to 12.", "Hello!"]


def replies() -> list[dict[str, Any]]:
    """The replies of the last conversation's current branch: their text under `content`, their cost under `usage`."""
    messages = json.loads(run_oss("history", "show", "--json").stdout)["messages"]
    return [{**one, "usage": one["making"]["usage"]} for one in messages if "making" in one]


def states() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run_oss("history", "cache", "--json").stdout)["states"]
    return found


def reused(reply: dict[str, Any]) -> int:
    return int(reply["usage"].get("reused_tokens", 0))


def evaluated(reply: dict[str, Any]) -> int:
    return int(reply["usage"]["prompt_tokens"]) - reused(reply)


def chat(model: Path, *lines: str, options: tuple[str, ...] = ()) -> str:
    result = run_oss("chat", "-m", str(model), *SETTINGS, *options, stdin="\n".join(lines) + "\n")
    assert result.status == 0, result.stderr
    assert "not kept" not in result.stderr
    return result.stdout


def test_a_chat_of_twenty_turns_reads_each_word_once(
    tiny_gpt_oss: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = chat(tiny_gpt_oss, *QUESTIONS * 4)
    warm = replies()
    assert len(warm) == 20
    new_text = sum(
        after["usage"]["prompt_tokens"] - before["usage"]["prompt_tokens"]
        for before, after in zip(warm, warm[1:], strict=False)
    )  # the questions, and the answers as the next prompt repeats them
    assert sum(evaluated(one) for one in warm[1:]) <= 1.05 * new_text
    # Each turn by itself, read anew: a conversation that ends with its question, in a home that keeps no state.
    monkeypatch.setenv("OSS_CACHE_GB", "0")
    archive = tmp_path / "all.json"
    run_oss("history", "export", "--all", "-o", str(archive))
    for turn in range(1, 20):
        assert _answered_anew(archive, tmp_path / f"home-{turn}", tiny_gpt_oss, turn) == warm[turn]["content"], turn
    assert answers.count("\n") >= 20


def _answered_anew(archive: Path, home: Path, model: Path, turn: int) -> str:
    """What the model says to a question, when it has read nothing of the conversation before."""
    kept = json.loads(archive.read_text("utf-8"))
    (conversation,) = kept["conversations"]
    question = conversation["nodes"][2 * turn]
    conversation["nodes"] = conversation["nodes"][: 2 * turn]
    conversation["tip"] = conversation["nodes"][-1]["id"]
    cut = home.with_suffix(".json")
    cut.write_text(json.dumps(kept), "utf-8")
    before = os.environ["OSS_HOME"]
    os.environ["OSS_HOME"] = str(home)
    try:
        assert run_oss("history", "import", str(cut)).status == 0
        chat(model, question["content"], options=("-c",))
        last = replies()[-1]
    finally:
        os.environ["OSS_HOME"] = before
    assert reused(last) == 0
    return str(last["content"])


def test_a_conversation_is_gone_on_with_by_chat_and_by_run(tiny_gpt_oss: Path) -> None:
    chat(tiny_gpt_oss, *QUESTIONS)
    assert chat(tiny_gpt_oss, "What is my name?", options=("-c",)) == "Your name is Alice.\n"
    said = run_oss("run", "-m", str(tiny_gpt_oss), *SETTINGS, "-c", "Say the word banana.")
    assert said.stdout == "banana\n"
    kept = replies()
    for before, after in zip(kept[4:], kept[5:], strict=False):
        assert reused(after) >= before["usage"]["prompt_tokens"] - 2, "all but the request to answer"
    assert len(states()) == 1


def test_model_back_and_forth_reads_nothing_twice(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    shutil.copyfile(tiny_gpt_oss, other)
    chat(tiny_gpt_oss, *QUESTIONS, f"/model {other}", "Hello!", f"/model {tiny_gpt_oss}", "What is my name?")
    kept = replies()
    assert reused(kept[5]) == 0, "another file has read nothing yet"
    assert reused(kept[6]) >= kept[4]["usage"]["prompt_tokens"] - 2
    assert kept[6]["content"] == "Your name is Alice."


def test_regen_reads_nothing_and_edit_only_what_is_new(tiny_gpt_oss: Path) -> None:
    chat(tiny_gpt_oss, *QUESTIONS, "/regen")
    first, *_, again = replies()
    assert evaluated(again) <= 2, "the request to answer"
    assert reused(first) == 0


def test_a_branch_that_was_left_is_gone_back_to(tiny_gpt_oss: Path) -> None:
    chat(tiny_gpt_oss, *QUESTIONS * 2, *["/undo"] * 9, *QUESTIONS[::-1] * 2, "/branch 1", "Hello!")
    kept = replies()
    assert [one["content"] for one in kept[1:3]] == ["Your name is Alice.", "banana"]
    assert reused(kept[-1]) >= kept[-2]["usage"]["prompt_tokens"] - 2


@pytest.mark.parametrize("is_piped", [False, True])
def test_a_file_is_read_once_if_that_is_asked_for(tiny_gpt_oss: Path, *, is_piped: bool) -> None:
    book = Path("book.txt")
    book.write_text("The dragon lives in Lisbon. My name is Bob. " * 12)
    source = () if is_piped else ("-f", str(book))
    stdin = book.read_text() if is_piped else ""

    def ask(question: str, *options: str) -> tuple[str, int, int]:
        result = run_oss("run", "-m", str(tiny_gpt_oss), *SETTINGS, *options, "--json", *source, question, stdin=stdin)
        answer = json.loads(result.stdout)
        return answer["answer"], answer["usage"]["reused_tokens"], answer["usage"]["prompt_tokens"]

    questions = ("Say the word banana.", "What is my name?")
    anew = [ask(question) for question in questions]
    assert [one[1] for one in anew] == [0, 0]
    assert states() == []
    first, second = (ask(question, "--cache") for question in questions)
    assert first[1] == 0
    assert second[1] > second[2] - 20, "what is left is the question"
    assert [first[0], second[0]] == [one[0] for one in anew]
    assert len(states()) == 1, "the file is kept, not what was asked"


def test_a_private_chat_keeps_no_state(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    chat(tiny_gpt_oss, *QUESTIONS, options=("--private",))
    assert not (tmp_path / "oss-home" / "cache").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_script_of_turns_that_is_told_to_end_keeps_what_was_read(tiny_gpt_oss: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "oss_cli", "chat", "-m", str(tiny_gpt_oss), *SETTINGS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(f"{'Hello! ' * 60}\nCount to 12.\n".encode())
        child.stdin.flush()
        while b"12" not in child.stdout.readline():
            assert child.poll() is None
        child.send_signal(number)
        assert child.wait(30) == 128 + number
    assert len(states()) == 1
    assert len(replies()) == 2


def test_a_chat_whose_terminal_is_closed_keeps_what_was_read(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), *SETTINGS) as terminal:
        terminal.expect("\n›")
        terminal.send("Hello! " * 60 + "\r")
        terminal.see("tokens/s")
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), terminal.descriptor)  # closes our end: the window is gone
        assert terminal.child.wait(30) in (0, 129)
    assert len(states()) == 1
    assert not list((tmp_path / "oss-home").rglob("*.log"))
    chat(tiny_gpt_oss, "Hello!", options=("-c",))
    assert reused(replies()[-1]) > 200


def test_a_private_run_goes_on_with_a_conversation_and_says_that_nothing_keeps_it(
    tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat(tiny_gpt_oss, *QUESTIONS)
    before = (replies(), states())
    monkeypatch.setenv("OSS_PRIVATE", "true")
    value = json.loads(run_oss("run", "-c", "-m", str(tiny_gpt_oss), *SETTINGS, "--json", "Hello!").stdout)
    assert (value["error"], value["conversation"]) == (None, None)
    assert (replies(), states()) == before


def test_a_state_that_cannot_be_kept_is_told_at_the_end(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    place = tmp_path / "oss-home" / "cache" / "states"
    place.parent.mkdir(parents=True)
    place.write_text("a file is in the way")
    with open_terminal("run", "-m", str(tiny_gpt_oss), *SETTINGS, "--cache", "Say it. " * 60, columns=120) as terminal:
        terminal.see("(what the model has read is not kept for the next time: File exists)")
        assert terminal.wait() == 0


def test_a_pipe_is_told_as_well_where_keeping_was_asked_for(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    place = tmp_path / "oss-home" / "cache" / "states"
    place.parent.mkdir(parents=True)
    place.write_text("a file is in the way")
    command = ("run", "-m", str(tiny_gpt_oss), *SETTINGS, "Say it. " * 60)
    assert run_oss(*command).stderr == ""
    assert run_oss(*command, "--save").stderr == ""
    kept = run_oss(*command, "--cache")
    assert (kept.stderr, kept.status) == ("(what the model has read is not kept for the next time: File exists)\n", 0)


@pytest.mark.parametrize(("name", "value", "other"), [("private", "true", "false"), ("cache_gb", "0", "4")])
def test_to_keep_what_a_setting_forbids_is_refused(tiny_gpt_oss: Path, name: str, value: str, other: str) -> None:
    run_oss("config", "set", name, value)
    refused = run_oss("run", "-m", str(tiny_gpt_oss), "--cache", "Hello!")
    assert (refused.stdout, refused.stderr, refused.status) == (
        "",
        f"error: nothing can be kept\n  the setting {name} is {value}\n"
        f"hint: OSS_{name.upper()}={other} oss run --cache\n",
        2,
    )
    run_oss("config", "set", "cache", "true")
    assert run_oss("run", "-m", str(tiny_gpt_oss), *SETTINGS, "Hello!").status == 0


def test_states_are_off_with_a_setting(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    run_oss("config", "set", "cache_gb", "0")
    chat(tiny_gpt_oss, *QUESTIONS)
    chat(tiny_gpt_oss, "Hello!", options=("-c",))
    assert reused(replies()[-1]) == 0
    assert not (tmp_path / "oss-home" / "cache" / "states").exists()


def test_what_is_kept_is_shown_removed_with_its_conversation_and_cleared(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    folder = tmp_path / "oss-home" / "cache" / "states"
    empty = run_oss("history", "cache")
    assert (empty.stdout, empty.stderr) == ("", f"0 states, 0 kB of at most 4.0 GB, in {folder}\n")
    chat(tiny_gpt_oss, *QUESTIONS)
    book = Path("book.txt")
    book.write_text("The dragon lives in Lisbon. " * 25)
    run_oss("run", "-m", str(tiny_gpt_oss), *SETTINGS, "--cache", "-f", str(book), "Hello!")
    shown = run_oss("history", "cache").stdout.splitlines()
    assert shown[0].split() == ["USED", "SIZE", "TOKENS", "CONVERSATION"]
    assert shown[1].endswith("  oss run --cache")
    run_oss("history", "rm", "--all", "--yes")
    assert [one["conversation"] for one in states()] == [None]
    with closed(folder):
        refused = run_oss("history", "cache", "clear")
    assert (refused.stdout, refused.stderr, refused.status) == (
        "", f"error: {folder} cannot be removed\n  Permission denied\n", 9,
    )  # fmt: skip
    (folder / "of-somebody-else.state").mkdir()
    assert len(states()) == 1
    assert run_oss("history", "cache", "clear").stdout == "1 state removed\n"
    assert [path.name for path in folder.iterdir()] == ["of-somebody-else.state"]
    wrong = run_oss("history", "cache", "empty")
    assert (wrong.status, wrong.stderr) == (
        2,
        "error: the cache cannot be told to 'empty'\nhint: oss history cache clear\n",
    )


def test_ctrl_c_at_the_end_of_a_chat_does_not_hang(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), *SETTINGS) as terminal:
        terminal.expect("\n›")
        terminal.send("My name is Alice.\r")
        terminal.see("tokens/s")
        terminal.send("\x04\x03\x03")
        assert terminal.wait() in (0, 130)
