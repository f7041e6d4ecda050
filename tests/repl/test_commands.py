"""The slash commands, in scripts of turns on the tiny gpt-oss: what they say, and what they do to the conversation."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from oss_cli.conversation.archive import read_archive
from tests.harness import Result, run_oss

HERE = "tiny-gpt-oss"


def chat(model: Path, *lines: str, options: tuple[str, ...] = ()) -> Result:
    return run_oss("chat", str(model), "--temperature", "0", "-e", "low", *options, stdin="\n".join(lines) + "\n")


def said(model: Path, *lines: str, options: tuple[str, ...] = ()) -> str:
    """What stands on stderr after lines that all went well."""
    result = chat(model, *lines, options=options)
    assert result.status == 0, result.stderr
    return result.stderr


def test_another_reply_is_a_branch_and_one_can_go_back_to_the_first(tiny_gpt_oss: Path) -> None:
    result = chat(
        tiny_gpt_oss,
        "My name is Alice.",
        "/regen",
        "/branches",
        "/branches 1",
        "/branches",
        "What is my name?",
    )
    assert result.stdout == "Nice to meet you, Alice.\n" * 2 + "Your name is Alice.\n"
    assert result.stderr == (
        "› My name is Alice. (1)\n"
        "  Nice to meet you, Alice.  ← 1\n"
        "  Nice to meet you, Alice.  ← 2, here\n"
        "branch 1, which ends with “Nice to meet you, Alice.”\n"
        "› My name is Alice. (1)\n"
        "  Nice to meet you, Alice.  ← 1, here\n"
        "  Nice to meet you, Alice.  ← 2\n"
    )


def test_a_message_that_is_taken_back_is_not_told_to_the_model_and_stays_a_branch(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "My name is Alice.", "/undo", "What is my name?", "/branches")
    assert result.stdout == "Nice to meet you, Alice.\nI do not know your name.\n"
    assert result.stderr == (
        "“My name is Alice.” and what followed it are taken back; /branches shows what is there\n"
        "› My name is Alice.\n"
        "  Nice to meet you, Alice.  ← 1\n"
        "› What is my name? (1)\n"
        "  I do not know your name.  ← 2, here\n"
    )


def test_an_edited_message_is_sent_as_a_new_branch(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "My name is Alice.", "Say the word banana.", "/edit 1", "What is my name?")
    assert result.stdout == ("Nice to meet you, Alice.\nbanana\nNice to meet you, Alice.\nYour name is Alice.\n"), (
        "a script has nobody who changes the text: it is sent as it was"
    )


def test_a_reply_that_was_cut_off_goes_on_from_its_last_token(tiny_gpt_oss: Path) -> None:
    whole = chat(tiny_gpt_oss, "Count to 20.").stdout
    cut = chat(tiny_gpt_oss, "Count to 20.", "/set max_tokens default", "/continue", options=("--max-tokens", "12"))
    first, rest = cut.stdout.split("\n", 1)
    assert whole == first + rest and first and rest, "the same text, broken once by the end of the first reply"
    assert cut.stderr == "max_tokens: as the model has it\n"


def test_only_what_was_broken_off_goes_on(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "Say the word banana.", "/continue")
    assert (result.stdout, result.status) == ("banana\n", 2)
    assert result.stderr == ("error: there is nothing to go on with\n  the last reply came to its end\nhint: /regen\n")


def test_options_are_set_shown_and_taken_back(tiny_gpt_oss: Path) -> None:
    assert said(
        tiny_gpt_oss,
        "/set parameter top_k 5",
        "/set num_predict 50",
        "/set overflow compact",
        "/set reasoning_budget 7",
        "/set think high",
        "/set",
        "/set top_k default",
        "/set reasoning_budget default",
        "/set",
    ) == (
        "top_k = 5\nmax_tokens = 50\noverflow = compact\nreasoning_budget = 7\neffort: high\n"
        "temperature = 0.0\ntop_k = 5\nmax_tokens = 50\nreasoning_budget = 7\noverflow = compact\n"
        "as the model has it: top_p, min_p, repeat_penalty, seed, stop, logit_bias\n"
        "top_k: as the model has it\nreasoning_budget: as the model has it\n"
        "temperature = 0.0\nmax_tokens = 50\noverflow = compact\n"
        "as the model has it: top_p, top_k, min_p, repeat_penalty, seed, stop, logit_bias, reasoning_budget\n"
    )


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("/set top_k", "error: there is no value for top_k\nhint: /set top_k VALUE, or /set top_k default\n"),
        ("/set overflow x", "error: overflow cannot be 'x'\n  it must be stop, drop or compact\n"),
        ("/set reasoning_budget x", "error: reasoning_budget cannot be 'x'\n  it must be a whole number from 0\n"),
        ("/effort x", "error: effort cannot be 'x'\n  it must be low, medium or high\n"),
        ("/reasoning x", "error: reasoning cannot be 'x'\n  it must be fold, show or hide\n"),
        ("/edit x", "error: 'x' is no number\nhint: /edit, or /edit 1 for your first message\n"),
        ("/edit", "error: there is no message to go back to\n  nothing has been said yet\n"),
        ("/undo", "error: there is no message to go back to\n  nothing has been said yet\n"),
        ("/branches x", "error: 'x' is no branch\nhint: /branches, then /branches 2\n"),
        ("/branches 1", "error: there is no branch 1\n  nothing has been said yet\n"),
        ("/regen", "error: there is no reply to make again\n  nothing has been said yet\n"),
        ("/compact", "error: there is nothing to sum up\n  nothing has been said yet\n"),
        ("/copy", "error: there is no answer to copy\n  nothing has been said yet\n"),
        ("/save", "error: there is no name for the file\nhint: /save talk.md, or /save talk.json\n"),
        ("/save x.md", "error: there is nothing to save\n  nothing has been said yet\n"),
        ("/file nothing.txt", "error: nothing.txt cannot be attached\n  there is no such file\n"),
        ("/model nothing", "error: no model is called 'nothing'\nhint: oss list\n"),
    ],
)
def test_what_cannot_be_done_is_told(tiny_gpt_oss: Path, line: str, error: str) -> None:
    result = chat(tiny_gpt_oss, line)
    assert (result.stdout, result.stderr) == ("", error)
    assert result.status in (2, 3)


def test_the_context_is_counted_in_real_tokens(tiny_gpt_oss: Path) -> None:
    shown = said(
        tiny_gpt_oss, "/context", "/system Be brief.", "Say the word banana.", "/context", options=("--ctx", "400")
    )
    assert shown == (
        f"{'.' * 40} 0%\n"
        "0 of 400 tokens: 0 messages\n"
        "when it is full: stop (/set overflow stop|drop|compact)\n"
        "instructions set\n"
        f"{'#' * 10}{'.' * 30} 26%\n"
        "102 of 400 tokens: 2 messages, instructions of 5 tokens\n"
        "when it is full: stop (/set overflow stop|drop|compact)\n"
    )


def test_a_conversation_that_outgrows_the_context_stops_and_says_so(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "Count to 20.", "Say the word banana.", options=("--ctx", "160"))
    assert result.status == 5
    assert result.stderr == (
        "error: the conversation has outgrown the context\n"
        "  with this message it takes 153 tokens, and a reply some 40\n"
        "  the context holds 160\n"
        "hint: /compact, /set overflow drop, or /new; of oss run: --overflow drop, or compact\n"
    )


def test_the_oldest_turns_are_left_out_if_that_is_wanted(tiny_gpt_oss: Path) -> None:
    options = ("--ctx", "160", "--overflow", "drop")
    result = chat(tiny_gpt_oss, "Count to 20.", "Say the word banana.", "/context", options=options)
    assert result.status == 0
    assert result.stdout.endswith("\nbanana\n")
    assert result.stderr.startswith("(the oldest turn is left out: 153 tokens became ")
    assert "2 earlier messages are summed up or left out; /undo can take that back\n" in result.stderr


def test_files_go_with_the_next_message(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    Path("a.txt").write_text("one two three\n", "utf-8")
    Path("b.txt").write_bytes("größer".encode("latin-1"))
    Path("c.bin").write_bytes(b"\x00\x01\x02" * 100)
    result = chat(
        tiny_gpt_oss, "/file a.txt b.txt", "/file -", "/file a.txt", "Say the word banana.", "/file", "/save t.json"
    )
    assert result.stdout == "banana\n" or result.stdout
    assert result.stderr.startswith("a.txt: ")
    kept = read_archive(Path("t.json").read_text("utf-8"), source="t.json")[0]
    question = kept.path()[0]
    assert question.message.content == "File a.txt:\n```\none two three\n```\n\nSay the word banana."
    assert question.typed == "Say the word banana."
    assert "nothing is attached; /file PATH… attaches text files, folders and patterns\n" in result.stderr


def test_a_mentioned_file_goes_along_and_one_that_is_not_there_stays_text(tiny_gpt_oss: Path) -> None:
    Path("a.txt").write_text("one\n", "utf-8")
    chat(tiny_gpt_oss, "Look at @a.txt and write to me@example.com", "/save t.json")
    kept = read_archive(Path("t.json").read_text("utf-8"), source="t.json")[0]
    assert kept.path()[0].message.content == "File a.txt:\n```\none\n```\n\nLook at @a.txt and write to me@example.com"


def test_binary_files_are_refused_by_name(tiny_gpt_oss: Path) -> None:
    Path("c.bin").write_bytes(b"\x7fELF" + b"\x00" * 100)
    result = chat(tiny_gpt_oss, "/file c.bin")
    assert result.status == 2
    assert result.stderr.startswith("error: c.bin cannot be attached\n  it is not text; it seems to be ")


def test_files_larger_than_the_context_are_refused_with_the_numbers(tiny_gpt_oss: Path) -> None:
    Path("a.txt").write_text("word " * 300, "utf-8")
    result = chat(tiny_gpt_oss, "/file a.txt", options=("--ctx", "200"))
    assert result.status == 5
    assert result.stderr == (
        "error: the attached files are larger than the context\n"
        "  they take 301 tokens, the context holds 200\n"
        "hint: attach less, or choose a model with a longer context: /model\n"
    )
    Path("b.txt").write_text("word " * 3000, "utf-8")
    result = chat(tiny_gpt_oss, "/file b.txt", options=("--ctx", "200"))
    assert result.stderr == (
        "error: b.txt is larger than the context\n  15 kB of text, and the context holds less than 3 kB\n"
    )


def test_a_conversation_is_saved_as_markdown_and_as_json_but_never_over_another_file(tiny_gpt_oss: Path) -> None:
    Path("mine.md").write_text("mine", "utf-8")
    shown = said(tiny_gpt_oss, "Say the word banana.", "/save t.md", "/save t.md", "/save t.json")
    assert shown == "saved as Markdown: t.md\nsaved as Markdown: t.md\nsaved as JSON: t.json\n"
    assert "banana" in Path("t.md").read_text("utf-8")
    assert json.loads(Path("t.json").read_text("utf-8"))["format"] == "oss-conversation"
    assert Path("t.md").stat().st_mode & 0o777 == 0o600
    result = chat(tiny_gpt_oss, "Say the word banana.", "/save mine.md")
    assert (result.stderr, Path("mine.md").read_text("utf-8")) == (
        "error: mine.md exists already\n  it was not written by this chat\nhint: /save ANOTHER_NAME\n",
        "mine",
    )


def test_a_new_conversation_leaves_the_old_one_in_the_history(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "My name is Alice.", "/title Names", "/new", "What is my name?")
    assert result.stdout == "Nice to meet you, Alice.\nI do not know your name.\n"
    title, new = result.stderr.splitlines()
    assert title == "title: Names"
    assert new.startswith("a new conversation; the old one is kept: oss chat --conversation ")
    listed = json.loads(run_oss("history", "list", "--json").stdout)
    assert [one["title"] for one in listed] == ["What is my name?", "Names"]


def test_stats_tell_what_replies_cost(tiny_gpt_oss: Path) -> None:
    assert said(tiny_gpt_oss, "/stats") == "nothing has been said yet\n"
    shown = said(tiny_gpt_oss, "/effort medium", "Say the word banana.", "/stats").splitlines()
    assert shown[1].startswith("last reply: 25 tokens, 11 of them reasoning, ")
    assert shown[1].endswith("prompt of 79 tokens, 0 of them not read again")
    assert shown[2].startswith("seed: ")
    assert shown[3].startswith("all 1 replies: 25 tokens, 11 of them reasoning, in ")


def test_reasoning_of_the_last_reply_can_be_read(tiny_gpt_oss: Path) -> None:
    shown = said(tiny_gpt_oss, "/effort medium", "Say the word banana.", "/reasoning last", "/reasoning hide")
    assert shown == "effort: medium\nThe user wants the word banana.\nreasoning: hide\n"


def test_another_model_goes_on_with_the_conversation(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "My name is Alice.", "/model smollm2-135m", "/model", "/set max_tokens 8", "Hello!")
    assert result.status == 0
    assert result.stderr == "model: smollm2-135m\n→ smollm2-135m\nmax_tokens = 8\n"
    listed = json.loads(run_oss("history", "show", "--json").stdout)["messages"]
    assert [one["making"]["model"] for one in listed if "making" in one] == [HERE, "smollm2-135m"]


def test_a_model_that_cannot_be_opened_leaves_the_first_one_in_force(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\x00" * 64)
    from oss_cli.errors import OssError
    from oss_cli.settings import Settings
    from oss_cli.wiring import OpenModels, choose_model, open_backend

    models = OpenModels(
        lambda choice: open_backend(choice, Settings(), is_one_shot=False), choose_model(str(tiny_gpt_oss))
    )
    try:
        with pytest.raises(OssError):
            models.open(str(bad))
        assert models.current.name == HERE
        assert models.current.count_text_tokens("banana") > 0
    finally:
        models.close()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_where_no_model_is_left_everything_says_so_until_one_is_opened(
    tiny_gpt_oss: Path, smollm2: Path, tmp_path: Path, is_stopped: bool
) -> None:
    from oss_cli.backends.base import Backend
    from oss_cli.conversation.messages import user_message
    from oss_cli.conversation.options import ReplyOptions
    from oss_cli.errors import EngineFailed, OssError
    from oss_cli.settings import Settings
    from oss_cli.wiring import ModelChoice, OpenModels, choose_model, open_backend

    here, bad = tmp_path / "here.gguf", tmp_path / "bad.gguf"
    shutil.copy(tiny_gpt_oss, here)
    bad.write_bytes(b"GGUF" + b"\x00" * 64)
    loads: list[str] = []

    def load(choice: ModelChoice) -> Backend:
        loads.append(choice.name)
        if is_stopped and len(loads) in (2, 3):  # Ctrl-C twice
            raise KeyboardInterrupt
        return open_backend(choice, Settings(), is_one_shot=False)

    models = OpenModels(load, choose_model(str(here)))
    try:
        here.unlink()
        with pytest.raises(KeyboardInterrupt if is_stopped else EngineFailed):
            models.open(str(bad))
        asked, options = [user_message("hi")], ReplyOptions("2026-11-23")
        uses: list[Callable[[], object]] = [
            lambda: models.current.count_text_tokens("banana"),
            lambda: models.current.count_tokens(asked, options),
            lambda: models.current.context_tokens,
            lambda: list(models.current.reply(asked, options)),
        ]
        for use in uses:
            with pytest.raises(OssError) as caught:
                use()
            assert (caught.value.message, caught.value.hint) == ("no model is loaded", "/model NAME")
        models.open(str(smollm2))
        assert models.current.count_text_tokens("banana") > 0
    finally:
        models.close()


def test_exit_and_quit_leave_without_a_slash(tiny_gpt_oss: Path) -> None:
    for word in ("exit", "Quit", "/bye"):
        assert chat(tiny_gpt_oss, word, "Say the word banana.") == Result("", "", 0)


def test_a_value_may_hold_an_equals_sign(tiny_gpt_oss: Path) -> None:
    assert said(tiny_gpt_oss, "/set stop a=b", "/set temperature = 0.5", "/set system x = 1", "/system") == (
        "stop = a=b\ntemperature = 0.5\ninstructions set\nx = 1\n"
    )


def test_a_command_may_be_followed_by_a_line_end(tiny_gpt_oss: Path) -> None:
    script = '"""\n/system\n"""\n'
    result = chat(tiny_gpt_oss, script)
    assert result.stdout, "a block in quotes is a message, whatever it begins with"
    assert chat(tiny_gpt_oss, '"""', "exit", '"""', "/title").stderr == "exit\n"


def test_instructions_of_blanks_are_none(tiny_gpt_oss: Path) -> None:
    result = chat(tiny_gpt_oss, "/context", "Say the word banana.", options=("--system", " "))
    assert (result.stdout, result.status) == ("banana\n", 0)
    assert "0 of 131,072 tokens: 0 messages" in result.stderr


def test_files_of_an_edited_message_go_along_again(tiny_gpt_oss: Path) -> None:
    Path("a.txt").write_text("one\n", "utf-8")
    said(tiny_gpt_oss, "/file a.txt", "Say the word banana.", "/edit", "/save t.json")
    kept = read_archive(Path("t.json").read_text("utf-8"), source="t.json")[0]
    contents = [node.message.content for node in kept.nodes.values() if node.typed]
    assert contents == ["File a.txt:\n```\none\n```\n\nSay the word banana."] * 2


def test_the_gauge_follows_a_reply_that_goes_on(tiny_gpt_oss: Path) -> None:
    whole = said(tiny_gpt_oss, "Count to 20.", "/context").splitlines()[1]
    cut = ("--max-tokens", "12")
    shown = said(
        tiny_gpt_oss, "Count to 20.", "/context", "/set max_tokens default", "/continue", "/context", options=cut
    ).splitlines()
    assert shown[1] != whole and shown[-2] == whole
