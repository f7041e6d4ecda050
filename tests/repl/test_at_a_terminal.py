"""The prompt on a real terminal, key by key."""

import json
import os
import stat
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.harness import Terminal, open_program

PROGRAM = Path(__file__).with_name("prompt_program.py")
PASTED = "".join(f"line {number}\n" for number in range(120))
LABEL = f"[pasted: 120 lines, {len(PASTED):,} characters]"


@contextmanager
def prompt(
    *, mode: str = "emacs", history: Path | None = None, columns: int = 80, lines: int = 40, **environment: str
) -> Iterator[Terminal]:
    given = json.dumps({"mode": mode, "history": str(history) if history else None})
    with open_program(str(PROGRAM), given, columns=columns, lines=lines, **environment) as terminal:
        terminal.see("›" if "PYTHONIOENCODING" not in environment and environment.get("TERM") != "dumb" else ">")
        yield terminal
        terminal.send("\x04")
        assert terminal.wait() == 0


def messages() -> list[str]:
    return [json.loads(line)[0] for line in Path("messages.jsonl").read_text("utf-8").splitlines()]


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_a_long_paste_is_a_label_until_it_is_sent() -> None:
    with prompt() as terminal:
        terminal.send("Explain: " + paste(PASTED.replace("\n", "\r")) + " please")
        terminal.see(f" Explain: {LABEL} please")
        terminal.send("\r")
        shown = terminal.see("got 1")
        assert "line 7" not in shown
    assert messages() == [f"Explain: {PASTED} please"]


def test_backspace_takes_a_paste_away_in_one_piece_and_undo_brings_it_back() -> None:
    with prompt() as terminal:
        terminal.send(paste(PASTED) + "\x7f")
        terminal.send("gone\r")
        terminal.see("got 1")
        terminal.send(paste(PASTED) + "\x7f\x1f\r")
        terminal.see("got 2")
    assert messages() == ["gone", PASTED]


def test_quotes_open_a_block_in_which_enter_is_a_new_line() -> None:
    with prompt() as terminal:
        terminal.send('"""\rfirst\r  second\r"""\r')
        terminal.see("got 1")
    assert messages() == ["first\n  second"]


def test_the_history_is_searched_by_message() -> None:
    history = Path("history")
    with prompt(history=history) as terminal:
        terminal.send("first line\nthe Needle is here\nlast line\r")
        terminal.see("got 1")
        terminal.send("another\r")
        terminal.see("got 2")
        terminal.send(paste(PASTED) + "\r")
        terminal.see("got 3")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    with prompt(history=history) as terminal:
        terminal.send("\x12needle")
        terminal.see("the Needle is here")
        terminal.send("\r")
        terminal.send("\r")
        terminal.see("got 1")
        terminal.send("\x1b[A\x1b[A\x1b[A")
        terminal.send("\x12line 119\r\r")
        terminal.see("got 2")
    assert messages()[3:] == ["first line\nthe Needle is here\nlast line", PASTED]


def test_a_message_sent_twice_stands_once_in_the_history() -> None:
    history = Path("history")
    with prompt(history=history) as terminal:
        for number in (1, 2, 3):
            terminal.send("again\r")
            terminal.see(f"got {number}")
    assert history.read_text("utf-8").count("+again\n") == 1


def test_a_private_chat_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "$1" > seen\necho secret more > "$1"; echo x > "$1~"\n', "utf-8")
    editor.chmod(0o700)
    temporary, memory = tmp_path / "temporary", tmp_path / "memory"
    temporary.mkdir()
    memory.mkdir()
    with prompt(EDITOR=str(editor), VISUAL="", TMPDIR=str(temporary), XDG_RUNTIME_DIR=str(memory)) as terminal:
        terminal.send("secret\r")
        terminal.see("got 1")
        terminal.send("secret\x18\x05")
        terminal.see("secret more")
        terminal.send("\r")
        terminal.see("got 2")
    assert messages() == ["secret", "secret more"]
    Path("messages.jsonl").unlink()
    assert Path("seen").read_text("utf-8").startswith(str(memory))
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
    assert holding == [editor]
    assert [*temporary.iterdir(), *memory.iterdir()] == []


def test_a_private_message_is_in_memory_alone_when_the_chat_is_killed_in_the_editor(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "it is in $1"\nexec sleep 60\n', "utf-8")
    editor.chmod(0o700)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with TemporaryDirectory(dir="/dev/shm") as memory:
        with open_program(
            str(PROGRAM), "{}", VISUAL=str(editor), TMPDIR=str(temporary), XDG_RUNTIME_DIR=memory
        ) as terminal:
            terminal.see("›")
            terminal.send("very private\x18\x05")
            terminal.see(f"it is in {memory}")
            terminal.child.kill()
            terminal.wait()
        assert [path.name for path in Path(memory).rglob("*.md")] == ["message.md"]
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"very private" in path.read_bytes()]
    assert holding == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("mode", ["emacs", "vi"])
def test_the_users_editor_gets_the_whole_text_and_gives_it_back(mode: str, tmp_path: Path) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\nstat -c %a "$1" "$(dirname "$1")" > modes\nsed -i s/line/LINE/ "$1"\n', "utf-8")
    editor.chmod(0o700)
    with prompt(mode=mode, VISUAL=f"'{editor}'") as terminal:
        terminal.send(paste(PASTED))
        terminal.see(LABEL)
        terminal.send("\x18\x05")
        terminal.see("LINE 119")
        terminal.send("\r")
        terminal.see("got 1")
    assert messages() == [PASTED.replace("line", "LINE").removesuffix("\n")]
    assert Path("modes").read_text("utf-8") == "600\n700\n"


def test_pastes_stay_folded_in_the_users_editor_and_a_changed_one_is_not_typed_by_hand(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^Read/Study/; s/the table/all/" "$1"\n', "utf-8")
    editor.chmod(0o700)
    log, command = PASTED + "see @secret.txt\n", "/clear the table\n" + PASTED + "@secret.txt"
    with prompt(VISUAL=str(editor)) as terminal:
        terminal.send("Read " + paste(log.replace("\n", "\r")) + "and @mine.txt\x18\x05")
        terminal.see("› Study [pasted: 121 lines")
        terminal.send("\r")
        terminal.see("got 1")
        terminal.send(paste(command.replace("\n", "\r")) + "\x18\x05")
        terminal.see("line 119")
        terminal.send("\r")
        terminal.see("got 2")
        terminal.send(paste(log.replace("\n", "\r")) + "\x18\x05")
        terminal.see("› [pasted: 121 lines")
        terminal.send("\r")
        terminal.see("got 3")
    changed = command.replace("the table", "all")
    assert [json.loads(line) for line in Path("messages.jsonl").read_text("utf-8").splitlines()] == [
        [f"Study {log}and @mine.txt", "Study and @mine.txt", False],
        [changed, changed.replace("@secret", "secret"), True],
        [log, "", True],
    ]


def test_an_editor_that_cannot_be_started_says_so_and_the_text_stays() -> None:
    with prompt(VISUAL="/nowhere/edit") as terminal:
        terminal.send("kept\x18\x05")
        terminal.see("/nowhere/edit cannot be started: No such file or directory; set EDITOR")
        terminal.send("\r")
        terminal.see("got 1")
    assert messages() == ["kept"]


def test_vi_mode() -> None:
    with prompt(mode="vi") as terminal:
        terminal.send("one two\x1b")
        time.sleep(0.5)  # vi's Escape is alone once nothing has followed it
        terminal.send("0dwA three\r")
        terminal.see("got 1")
        terminal.send("one\x1b\rtwo\r")
        terminal.see("got 2")
    assert messages() == ["two three", "one\ntwo"]


def test_menus_of_commands_words_and_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes").mkdir()
    Path("notes/my list.md").write_text("one two three\n", "utf-8")
    with prompt() as terminal:
        terminal.send("/m")
        terminal.see("/model  Change the model.")
        terminal.send("odel 120")
        terminal.see("gpt-oss-120b")
        terminal.send("\t")
        terminal.see(" /model gpt-oss-120b")
        terminal.send("\r\r")
        terminal.see("got 1")
        terminal.send("Read @no")
        terminal.see("notes/")
        terminal.send("\t\r")
        terminal.see("my list.md")
        terminal.send("\t\r")
        terminal.see('Read @"notes/my list.md"')
        terminal.send(" now\r")
        terminal.see("got 2")
    assert messages() == ["/model gpt-oss-120b", 'Read @"notes/my list.md" now']


def test_the_cost_of_a_mentioned_file_is_shown_while_typing() -> None:
    Path("a.md").write_text("one two three\n", "utf-8")
    Path("big.md").write_text("word " * 50_000, "utf-8")
    with prompt() as terminal:
        terminal.send("Read @a.md and @big.md, please")
        terminal.see("@a.md 3 tokens · @big.md ≈62,500 tokens")
        terminal.send("\r")


def test_the_toolbar_stands_below_the_prompt() -> None:
    with prompt() as terminal:
        terminal.see("gpt-oss-20b · medium · private · ▰▱▱▱▱▱ 12,345 of 131,072 · 21.5 tokens/s\n")
        assert terminal.text.endswith("›\ngpt-oss-20b · medium · private · ▰▱▱▱▱▱ 12,345 of 131,072 · 21.5 tokens/s\n")


def test_ctrl_o_at_the_prompt_keeps_what_is_typed() -> None:
    with prompt() as terminal:
        terminal.send("half\x0f")
        terminal.see("reasoning: shown\n")
        terminal.see(" half")
        terminal.send(" done\r")
        terminal.see("got 1")
    assert messages() == ["half done"]


def test_keys_and_pastes_during_a_reply_wait_for_the_next_prompt() -> None:
    with prompt() as terminal:
        terminal.send("reply\r")
        terminal.see("the reply begins")
        terminal.send("typed ahead, \x0f" + paste("two\rlines") + " and \x16 é")
        terminal.see("key c-o\n")
        terminal.send(paste(PASTED.replace("\n", "\r")))
        terminal.send(" end\rthen this\r")
        time.sleep(0.2)
        shown = terminal.text
        assert "typed" not in shown
        Path("go").touch()
        terminal.see("the reply ends")
        terminal.see("got 3")
    # \x16 makes emacs insert the next key as it is: a blank.
    assert messages() == ["reply", f"typed ahead, two\nlines and  é{PASTED} end", "then this"]


def test_a_paste_that_begins_in_a_reply_ends_at_the_prompt() -> None:
    with prompt() as terminal:
        terminal.send("reply\r")
        terminal.see("the reply begins")
        terminal.send("\x1b[200~one\rtw")
        time.sleep(0.1)
        Path("go").touch()
        terminal.see("the reply ends\n›")
        terminal.send("o\r\x1b[201~")
        terminal.send("\r")
        terminal.see("got 2")
    assert messages() == ["reply", "one\ntwo\n"]


def test_a_lone_escape_in_a_reply_does_not_swallow_the_next_key() -> None:
    with prompt() as terminal:
        terminal.send("reply\r")
        terminal.see("the reply begins")
        terminal.send("\x1b")
        time.sleep(0.1)
        Path("go").touch()
        terminal.see("the reply ends\n›")
        time.sleep(1.2)  # Escape waits for a second for what may follow it
        terminal.send("both\r")
        terminal.see("got 2")
    assert messages() == ["reply", "both"]


def test_ctrl_c_stops_a_reply_and_a_prompt() -> None:
    with prompt() as terminal:
        terminal.send("reply\r")
        terminal.see("the reply begins")
        terminal.send("next\x03")
        terminal.see("stopped\nthe reply ends\n› next")
        terminal.send("\x03")
        terminal.see("interrupted\n›")


def test_an_offered_message_comes_back_with_its_pastes_folded() -> None:
    with prompt() as terminal:
        terminal.send("offer " + paste(PASTED) + "\r")
        terminal.see("got 1")
        terminal.see(f" offer {LABEL}")
        terminal.send("\x15changed\r")
        terminal.see("got 2")
    assert messages() == [f"offer {PASTED}", "changed"]


def test_forty_columns() -> None:
    with prompt(columns=40, lines=12) as terminal:
        terminal.see("gpt-oss-20b · medium · private · ctx 9%\n")
        terminal.send(paste(PASTED) + " and some more words that wrap")
        terminal.see(f"› {LABEL} an\n· d some more words that wrap")
        terminal.send("\r/")
        terminal.see("/model")
        terminal.send("exit\r")
        terminal.see("got 2")
    assert messages() == [f"{PASTED} and some more words that wrap", "/exit"]


def test_a_resize_draws_the_prompt_anew() -> None:
    with prompt() as terminal:
        terminal.send("some words, and more of them, and more and more and more")
        terminal.see("more and more and more")
        terminal.resize(40, 20)
        terminal.see("gpt-oss-20b · medium · private · ctx 9%\n")
        terminal.resize(100, 30)
        terminal.see("12,345 of 131,072 · 21.5 tokens/s")
        terminal.send("!\r")
        terminal.see("got 1")
    assert messages() == ["some words, and more of them, and more and more and more!"]


def test_wide_letters_and_emoji() -> None:
    with prompt(columns=40) as terminal:
        terminal.send("日本語の文章を書く時は幅が二倍になります、行の折り返しも")
        terminal.see("行の折り返しも"[:3])
        terminal.send("\x7f\x7f。 👍🏽👨\u200d👩\u200d👧e\u0301🇩🇪")
        terminal.send("\x7f" * 4 + "🦊\r")
        terminal.see("got 1")
    assert messages() == ["日本語の文章を書く時は幅が二倍になります、行の折り返。 🦊"]


def test_a_dumb_terminal_gets_plain_lines_and_no_escapes() -> None:
    with prompt(TERM="dumb") as terminal:
        terminal.send("plain\n")
        terminal.see("got 1")
        terminal.send('"""one\ntwo"""\n')
        terminal.see("got 2")
        terminal.send("reply\n")
        terminal.see("the reply begins")
        Path("go").touch()
        terminal.see("the reply ends\n>")
        assert b"\x1b" not in terminal.raw
    assert messages() == ["plain", "one\ntwo", "reply"]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    with prompt(PYTHONIOENCODING="latin-1") as terminal:
        terminal.see("gpt-oss-20b | medium | private | #----- 12,345 of 131,072 | 21.5 tokens/s")
        os.write(terminal.descriptor, "Grüße".encode("latin-1") + b"\r")
        terminal.see("got 1")
    assert messages() == ["Grüße"]


def test_bytes_that_are_no_letters_do_not_break_the_chat() -> None:
    with prompt() as terminal:
        os.write(terminal.descriptor, b"a\xffb\r")
        terminal.see("got 1")
    assert messages() == ["a?b"]


def test_no_color_means_none() -> None:
    with prompt(NO_COLOR="1") as terminal:
        terminal.send("/m")
        terminal.see("Change the model.")
        terminal.send("\t")
        time.sleep(0.2)
        colours = [f"\x1b[{kind}{number}".encode() for kind in ("", "0;") for number in ("38;", "48;")]
        assert not any(colour in terminal.raw for colour in colours)
        terminal.send("\r")
        terminal.see("got 1")


def test_the_terminal_is_given_back_as_it_was() -> None:
    with open_program(str(PROGRAM), "{}") as terminal:
        usual = termios.tcgetattr(terminal.descriptor)
        terminal.see("›")
        terminal.send("reply\r")
        terminal.see("the reply begins")
        assert not termios.tcgetattr(terminal.descriptor)[3] & termios.ICANON
        assert _brackets_pastes(terminal)
        Path("go").touch()
        terminal.see("the reply ends\n›")
        terminal.send("\x04")
        assert terminal.wait() == 0
        assert termios.tcgetattr(terminal.descriptor) == usual
        assert not _brackets_pastes(terminal)


def _brackets_pastes(terminal: Terminal) -> bool:
    return terminal.raw.rfind(b"\x1b[?2004h") > terminal.raw.rfind(b"\x1b[?2004l")
