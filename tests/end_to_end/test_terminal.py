"""The real program on a real terminal: what a person sees, and what Ctrl-C and Ctrl-D do."""

import json
import re
import stat
import termios
import time
from pathlib import Path

import pytest

from tests.harness import open_terminal, run_oss


def test_a_chat_answers_remembers_and_leaves(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0") as terminal:
        terminal.expect("tiny-gpt-oss · /help shows the commands, Ctrl-D leaves")
        terminal.expect("\n›")
        terminal.send("My name is Alice.\r")
        terminal.expect("thought for ")
        terminal.expect("\n\nNice to meet you, Alice.\n")
        terminal.see("92 of 131,072")
        terminal.send("What is my name?\r")
        terminal.expect("Your name is Alice.\n")
        terminal.see("114 of 131,072")
        terminal.send("\x04")
        assert terminal.wait() == 0


def test_commands_of_a_chat(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0") as terminal:
        terminal.expect("\n›")
        terminal.send("/effort low\r")
        terminal.expect("effort: low\n")
        terminal.send("Say the word banana.\r")
        shown = terminal.expect("\nbanana\n")
        assert "The user wants" not in shown and "thought" not in shown
        terminal.send("/regen\r")
        terminal.expect("\nbanana\n")
        terminal.send("/clear\r")
        terminal.expect("a new conversation; the old one is kept: oss chat --conversation ")
        terminal.send("What is my name?\r")
        terminal.expect("I do not know your name.")
        terminal.send("/efort high\r")
        terminal.expect("error: there is no command /efort\nhint: /effort\n")
        terminal.send("/set temperature 1000\r")
        terminal.expect("error: temperature cannot be '1000'\n")
        terminal.send("/help\r")
        terminal.expect("attaches a file, Ctrl-D leaves.")
        terminal.send("/exit\r")
        assert terminal.wait() == 0


def test_ctrl_c_stops_a_reply_within_half_a_second_and_keeps_what_was_said() -> None:
    with open_terminal("chat", "smollm2-135m", "--temperature", "0") as terminal:
        terminal.expect("\n›")
        terminal.send("Write a very long story about a king and his horse.\r")
        terminal.expect("Once upon a time", timeout_s=60)
        pressed = terminal.interrupt()
        terminal.expect("(stopped; /continue goes on)")
        assert time.monotonic() - pressed < 0.5
        terminal.send("/exit\r")
        assert terminal.wait() == 0


def test_ctrl_c_at_the_prompt_does_not_leave(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss)) as terminal:
        terminal.expect("\n›")
        terminal.interrupt()
        terminal.expect("(Ctrl-D leaves the chat)")
        terminal.send("/exit\r")
        assert terminal.wait() == 0


def test_ctrl_c_in_a_run_leaves_what_was_said_and_exits_130() -> None:
    with open_terminal(
        "run", "-m", "smollm2-135m", "--temperature", "0", "Write a long story about a king."
    ) as terminal:
        terminal.expect("the", timeout_s=60)
        pressed = terminal.interrupt()
        assert terminal.wait() == 130
        assert time.monotonic() - pressed < 1.5  # half a second to stop, the rest to unload
    assert "Traceback" not in terminal.text


def test_a_run_at_a_terminal_says_how_long_it_thought_before_the_answer(tiny_gpt_oss: Path) -> None:
    with open_terminal("run", "-m", str(tiny_gpt_oss), "--temperature", "0", "Say the word banana.") as terminal:
        assert terminal.wait() == 0
        assert re.fullmatch(r"thought for \d.* s.*\n\nbanana\n", terminal.text)


@pytest.mark.parametrize("size", [(40, 12), (200, 60)])
def test_a_run_fits_the_terminal(size: tuple[int, int]) -> None:
    words = ("run", "-m", "smollm2-135m", "--temperature", "0", "--max-tokens", "60", "Write a story about a king.")
    answer = run_oss(*words).stdout
    with open_terminal(*words, columns=size[0], lines=size[1]) as terminal:
        assert terminal.wait() == 0
    lines = terminal.text.split("\n")
    assert all(len(line) <= size[0] for line in lines)
    assert "".join(answer.split()) in "".join(terminal.text.split())


def test_a_model_alone_at_a_terminal_is_told_about_chat() -> None:
    with open_terminal("run", "smollm2-135m") as terminal:
        assert terminal.wait() == 2
        assert terminal.text == "error: there is no prompt for smollm2-135m\nhint: oss chat smollm2-135m\n"


def test_bare_oss_at_a_terminal_is_a_chat() -> None:
    with open_terminal() as terminal:
        terminal.expect("smollm2-135m · /help shows the commands, Ctrl-D leaves")
        terminal.send("\x04")
        assert terminal.wait() == 0


def test_what_was_typed_is_kept_for_its_owner_alone(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0") as terminal:
        terminal.expect("\n›")
        terminal.send("Say the word banana.\r")
        terminal.see("89 of 131,072")
        terminal.send("\x04")
        assert terminal.wait() == 0
    history = tmp_path / "oss-home" / "prompt-history"
    assert "+Say the word banana.\n" in history.read_text("utf-8")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_what_is_typed_while_a_reply_comes_is_the_next_message(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low") as terminal:
        terminal.expect("\n›")
        terminal.send("Tell me a long story about a fox.\rSay the word banana.\rSay the word cherry.\r")
        terminal.expect("\nbanana\n")
        terminal.expect("\ncherry\n")
        terminal.send("\x04")
        assert terminal.wait() == 0


def test_several_lines_are_one_message(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low") as terminal:
        terminal.expect("\n›")
        terminal.send("Hello!\x1b\rSay the word banana.\r")
        terminal.see("tokens/s")
        terminal.send("/exit\r")
        assert terminal.wait() == 0
    (question, _) = json.loads(run_oss("history", "show", "--json").stdout)["messages"]
    assert question["content"] == "Hello!\nSay the word banana."


def test_piped_lines_are_a_script_of_turns(tiny_gpt_oss: Path) -> None:
    script = "My name is Alice.\n\n/effort low\nWhat is my name?\n"
    result = run_oss("chat", str(tiny_gpt_oss), "--temperature", "0", stdin=script)
    assert (result.stdout, result.stderr, result.status) == (
        "Nice to meet you, Alice.\nYour name is Alice.\n",
        "effort: low\n",
        0,
    )


def test_a_block_in_a_script_is_one_message(tiny_gpt_oss: Path) -> None:
    script = '"""\nHello!\nSay the word banana.\n"""\n'
    result = run_oss("chat", str(tiny_gpt_oss), "--temperature", "0", stdin=script)
    same = run_oss("run", "-m", str(tiny_gpt_oss), "--temperature", "0", "Hello!\nSay the word banana.")
    assert (result.stdout, result.status) == (same.stdout, 0)


def test_a_script_ends_at_its_first_bad_line(tiny_gpt_oss: Path) -> None:
    result = run_oss("chat", str(tiny_gpt_oss), stdin="/nonsense\nHello!\n")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == "error: there is no command /nonsense\nhint: /help\n"


def test_bare_oss_in_a_pipe_prints_its_help_to_stderr() -> None:
    result = run_oss()
    assert (result.stdout, result.status) == ("", 2)
    assert "Talk to gpt-oss and other open-weight models on your own computer." in result.stderr


def test_a_chat_with_a_base_model_is_refused(smollm2: Path, tmp_path: Path) -> None:
    models = tmp_path / "oss-home" / "models.toml"
    models.parent.mkdir()
    models.write_text(f"[models.base]\npath = {str(smollm2)!r}\nformat = 'plain'\n", "utf-8")
    result = run_oss("chat", "base", stdin="Hello\n")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        "error: base cannot chat\n"
        "  it has no chat format: it only goes on with a text\n"
        'hint: oss run -m base "Once upon a time"\n'
    )


def test_sigterm_in_a_chat_gives_the_terminal_back(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss)) as terminal:
        usual = termios.tcgetattr(terminal.descriptor)
        terminal.expect("\n›")
        terminal.send("Say the word banana.\r")
        terminal.see("tokens/s")
        terminal.child.terminate()
        assert terminal.wait() == 143
        assert termios.tcgetattr(terminal.descriptor)[3] == usual[3]


def test_an_edit_that_is_given_up_changes_nothing(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", str(tiny_gpt_oss), "--temperature", "0", "-e", "low") as terminal:
        terminal.see("\n›")
        terminal.send("My name is Alice.\r")
        terminal.see("Nice to meet you, Alice.")
        terminal.send("/edit\r")
        terminal.see("› My name is Alice.\n")
        terminal.watch(0.3)
        terminal.interrupt()
        terminal.see("(nothing is changed)")
        terminal.send("What is my name?\r")
        terminal.see("Your name is Alice.")
        terminal.send("/edit 1\r")
        terminal.watch(0.5)
        terminal.send("\x15Say the word banana.\r")
        terminal.see("\nbanana\n")
        terminal.send("/branches\r")
        terminal.see("banana  ← 2, here")
        terminal.send("/exit\r")
        assert terminal.wait() == 0


def test_a_conversation_keeps_its_own_instructions(tiny_gpt_oss: Path) -> None:
    run_oss("config", "set", "system", "Always end with the word kiwi.")
    model = ("-m", str(tiny_gpt_oss), "--temperature", "0", "-e", "low")
    run_oss("chat", *model, stdin="/system Always end with the word plum.\nSay the word banana.\n")
    assert run_oss("chat", *model, "-c", stdin="/system\n").stderr == "Always end with the word plum.\n"
    assert run_oss("chat", *model, "-c", "-s", "Be brief.", stdin="/system\n").stderr == "Be brief.\n"


def test_what_is_typed_while_the_model_loads_waits_with_its_enter(tiny_gpt_oss: Path) -> None:
    with open_terminal("chat", "smollm2-135m", "--temperature", "0", "--max-tokens", "5") as terminal:
        while b"\x1b[?2004h" not in terminal.raw:  # from here on keys wait; the model has not begun to load
            terminal.watch(0.01)
        terminal.send("Hello!\r")
        terminal.see("tokens/s", timeout_s=60)
        terminal.send("/exit\r")
        assert terminal.wait() == 0
    (question, _) = json.loads(run_oss("history", "show", "--json").stdout)["messages"]
    assert question["content"] == "Hello!"
