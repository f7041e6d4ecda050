"""The prompt without a terminal: keys in, messages out."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from oss_cli.repl.editor_options import EditorOptions
from oss_cli.repl.prompt import LineEditor
from oss_cli.repl.prompt.completion import ContextCompleter
from oss_cli.repl.prompt.letters import last_letter_length
from oss_cli.repl.prompt.message_history import MessageHistory
from oss_cli.repl.prompt.pastes import Pastes
from oss_cli.repl.reader import Typed

LONG = "x" * 1001


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm-256color")
    return iter([None])


def type_in(*keys: str, count: int = 1, options: EditorOptions | None = None) -> list[Typed]:
    """What the editor reads when these keys are pressed."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        editor = LineEditor(None, {"/exit": "Leave."}, options)
        pipe.send_text("".join(keys))
        return [editor.read() for _ in range(count)]


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_enter_sends_and_alt_enter_or_ctrl_j_begin_a_new_line() -> None:
    assert type_in("a\x1b\rb\nc\r") == ["a\nb\nc"]


def test_a_short_paste_goes_in_as_it_is() -> None:
    assert type_in(paste("a\r\nb\rc") + "\r") == ["a\nb\nc"]


def test_two_long_pastes_in_one_message() -> None:
    many = "l\n" * 21
    [typed] = type_in("Compare ", paste(LONG), " and ", paste(many), "now\r")
    assert typed == f"Compare {LONG} and {many}now"
    assert typed.by_hand == "Compare  and now"


def test_the_label_typed_by_hand_is_not_a_paste() -> None:
    label = "[pasted: 1 line, 1,001 characters]"
    assert type_in(paste(LONG), label, "\r") == [LONG + label]


def test_a_message_that_begins_with_a_long_paste_or_a_block_is_no_command() -> None:
    assert [line.is_quoted for line in type_in(paste("/" + LONG), "\r/exit\r", count=2)] == [True, False]
    [typed] = type_in('"""\r/exit\r"""\r')
    assert (typed, typed.is_quoted) == ("/exit", True)


def test_quotes_in_a_long_paste_open_and_end_no_block() -> None:
    assert type_in(paste('"""' + LONG), "\r") == ['"""' + LONG]
    assert type_in('"""\r', paste(LONG + '"""'), "\rmore\r", '"""\r') == [f'{LONG}"""\nmore']


def test_keys_typed_ahead_are_the_next_messages() -> None:
    assert type_in("one\rtwo\rthree\r", count=3) == ["one", "two", "three"]


def test_what_is_polled_while_a_reply_comes_is_the_next_message() -> None:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        editor = LineEditor(None, {})
        pipe.send_text("now\r")
        assert editor.read() == "now"
        assert list(editor.watch_keys()) == []
        pipe.send_text("\x0fla" + paste("s\x0ft") + "\x0f")
        assert list(editor.watch_keys()) == ["c-o", "c-o"]
        pipe.send_text(" words\r")
        assert editor.read() == "las\x0ft words"


def test_an_offer_gives_way_to_what_was_typed_meanwhile() -> None:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        editor = LineEditor(None, {})
        editor.offer("again")
        pipe.send_text("new\r")
        assert editor.read() == "new"


def test_ctrl_d_and_ctrl_c() -> None:
    with pytest.raises(EOFError):
        type_in("\x04")
    with pytest.raises(KeyboardInterrupt):
        type_in("half\x03")


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30) | st.just(LONG)))
def test_pastes_unfold_to_what_was_pasted(parts: list[str]) -> None:
    pastes, buffer = Pastes(), ""
    for part in parts:
        buffer += pastes.fold(part, buffer)
    assert pastes.unfold(buffer) == "".join(parts)


def test_a_letter_that_stands_for_a_paste_can_be_pasted_itself() -> None:
    pastes = Pastes()
    letter = pastes.fold(LONG, "")
    assert len(letter) == 1
    again = pastes.fold(letter, letter)
    assert pastes.unfold(letter + again) == LONG + letter


def test_a_long_paste_stands_whole_in_the_history(tmp_path: Path) -> None:
    pastes = Pastes()
    history = MessageHistory(tmp_path / "new" / "history", pastes)
    message = f"Explain {pastes.fold(LONG, '')}"
    history.append_string(message)
    history.append_string(message)
    assert list(MessageHistory(tmp_path / "new" / "history", Pastes()).load_history_strings()) == [f"Explain {LONG}"]


def test_a_history_that_cannot_be_written_or_read_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for file in (tmp_path / "file" / "history", tmp_path):
        history = MessageHistory(file, Pastes())
        history.append_string("kept in memory")
        assert history.get_strings() == ["kept in memory"]
        assert list(history.load_history_strings()) == []


def complete(text: str, words: Iterable[str] = ("low", "medium", "high")) -> list[str]:
    """The lines that completing this one could make."""
    completer = ContextCompleter(
        {"/effort": "Set.", "/exit": "Leave.", "/file": "Attach."}, {"/effort": lambda: words, "/file": "paths"}
    )
    found = list(completer.get_completions(Document(text), CompleteEvent()))
    assert not found or completer.expects_some(text)
    return [text[: len(text) + one.start_position] + one.text for one in found]


def test_commands_and_their_words_are_completed() -> None:
    assert complete("/e") == ["/effort", "/exit"]
    assert complete("/effort ") == ["/effort low", "/effort medium", "/effort high"]
    assert complete("/effort H") == ["/effort high"]
    assert complete("/effort 20", ["x-20b", "20x"]) == ["/effort 20x", "/effort x-20b"]
    assert complete("/exit ") == []
    assert complete("Say /e") == []
    assert complete("plain words") == []


def test_paths_are_completed_after_an_at_sign_and_after_some_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    for name in ("notes/a.md", "notes/B c.md", "my files/d.md", ".hidden", 'quo"te', "it's.md"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("", "utf-8")
    assert complete("See @") == ['See @"it\'s.md"', 'See @"my files/', "See @notes/"]
    assert complete("See @notes/") == ["See @notes/a.md", 'See @"notes/B c.md"']
    assert complete("See @notes/b") == ['See @"notes/B c.md"']
    assert complete('See @"my files/') == ['See @"my files/d.md"']
    assert complete("(@~/no") == ["(@~/notes/"]
    assert complete("@~") == ["@~/"]
    assert complete("@.h") == ["@.hidden"]
    assert complete("me@no") == []
    assert complete("/file no") == ["/file notes/"]
    assert complete('/file a.md "my') == ['/file a.md "my files/']
    assert complete("/file notes/a.md notes/") == ["/file notes/a.md notes/a.md", '/file notes/a.md "notes/B c.md"']
    assert complete("@nowhere/") == []


@pytest.mark.parametrize(
    ("letter", "length"),
    [("a", 1), ("日", 1), ("e\u0301", 2), ("👍🏽", 2), ("👨\u200d👩\u200d👧", 5), ("❤\ufe0f", 2), ("🇩🇪", 2), ("", 0)],
)
def test_a_letter_is_what_people_see(letter: str, length: int) -> None:
    assert last_letter_length(letter) == length
    assert last_letter_length("ab" + letter) == max(length, 1)
    assert last_letter_length("🇫🇷🇫🇷" + letter) == (length or 2)
