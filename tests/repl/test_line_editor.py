"""The prompt without a terminal: keys in, messages out."""

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from oss_cli.repl.editor_options import EditorOptions
from oss_cli.repl.prompt import LineEditor
from oss_cli.repl.prompt.completion import ContextCompleter
from oss_cli.repl.prompt.letters import last_letter_length
from oss_cli.repl.prompt.message_history import MessageHistory
from oss_cli.repl.prompt.not_typed import NotTyped
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
    history = MessageHistory(tmp_path / "new" / "history", pastes, NotTyped())
    message = f"Explain {pastes.fold(LONG, '')}"
    history.append_string(message)
    history.append_string(message)
    assert list(MessageHistory(tmp_path / "new" / "history", Pastes(), NotTyped()).load_history_strings()) == [
        f"Explain {LONG}"
    ]


def test_a_history_that_cannot_be_written_or_read_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for file in (tmp_path / "file" / "history", tmp_path):
        history = MessageHistory(file, Pastes(), NotTyped())
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


LOG = "log line\n" * 30 + "see @secret.txt\n"
COMMAND = "/clear the table\n" + "log line\n" * 30
UP = "\x1b[A"


class Prompt:
    """One editor, message by message."""

    def __init__(self, pipe: PipeInput, history: Path | None = None) -> None:
        self.editor = LineEditor(history, {"/exit": "Leave."})
        self._pipe = pipe

    def send(self, *keys: str) -> tuple[str, str, bool]:
        """Press keys and Enter; what was sent, the part that was typed by hand, whether it is surely a message."""
        self._pipe.send_text("".join(keys) + "\r")
        typed = self.editor.read()
        return str(typed), typed.by_hand, typed.is_quoted

    def send_again(self, text: str, change: str = "") -> tuple[str, str, bool]:
        """Let the editor offer a text; when it stands there, press more keys and Enter."""
        self.editor.offer(text)
        typist = threading.Thread(target=self._press, args=(f"{change}\r",))  # keys that wait would take its place
        typist.start()
        typed = self.editor.read()
        typist.join()
        return str(typed), typed.by_hand, typed.is_quoted

    def look_back(self, *keys: str) -> tuple[str, str, bool]:
        """Press keys once the history is there, and Enter."""
        return self.send_again("", "".join(keys))

    def _press(self, keys: str) -> None:
        """Press keys once the prompt is there with its history."""
        session = self.editor._session
        while not session.app.is_running:
            time.sleep(0.01)
        while (loading := session.default_buffer._load_history_task) is None or not loading.done():
            time.sleep(0.01)
        self._pipe.send_text(keys)


@pytest.fixture
def prompt() -> Iterator[Prompt]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield Prompt(pipe)


def test_an_earlier_message_is_offered_with_its_pastes_folded(prompt: Prompt) -> None:
    prompt.send("Read ", paste(LOG), "and @mine.txt")
    prompt.send(paste(COMMAND))
    prompt.send("something else")
    assert prompt.send_again(f"Read {LOG}and @mine.txt") == (
        f"Read {LOG}and @mine.txt",
        "Read and @mine.txt",
        False,
    )
    assert prompt.send_again(COMMAND, "now") == (COMMAND + "now", "now", True)


def test_a_message_in_quotes_is_offered_in_quotes_though_a_command_was_the_same(prompt: Prompt) -> None:
    prompt.send('"""\r/clear\r"""')
    prompt.send("/clear")
    assert prompt.send_again("/clear")[2]


def test_the_text_of_another_chat_is_a_message_and_its_mentions_attach_nothing(prompt: Prompt) -> None:
    assert prompt.send_again("/clear and @secret.txt") == ("/clear and @secret.txt", "/clear and secret.txt", True)
    assert prompt.send_again("/clear and @secret.txt", " @mine.txt") == (
        "/clear and @secret.txt @mine.txt",
        "/clear and secret.txt @mine.txt",
        True,
    )
    assert prompt.send("@secret.txt by hand") == ("@secret.txt by hand", "@secret.txt by hand", False)
    assert prompt.look_back(UP, UP, "!") == (
        "/clear and @secret.txt @mine.txt!",
        "/clear and secret.txt @mine.txt!",
        True,
    )


def test_an_offered_text_that_is_replaced_can_be_a_command(prompt: Prompt) -> None:
    assert prompt.send_again("/clear and @secret.txt", "\x01\x0b/exit") == ("/exit", "/exit", False)


def test_a_paste_that_the_history_brings_back_is_not_typed_by_hand(tmp_path: Path) -> None:
    history = tmp_path / "history"
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        first = Prompt(pipe, history)
        first.send("Read ", paste(LOG), "and @mine.txt")
        first.send(paste(COMMAND))
        assert first.look_back(UP) == (COMMAND, COMMAND, True)
    expected = LOG.replace("@secret", "secret")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        later = Prompt(pipe, history)
        assert later.look_back("\x12Read", "\r") == (f"Read {LOG}and @mine.txt", f"Read {expected}and @mine.txt", False)
        assert later.look_back("\x12clear the", "\r") == (COMMAND, COMMAND, True)


def test_a_message_typed_by_hand_and_brought_back_is_typed_by_hand(prompt: Prompt) -> None:
    prompt.send("Read @mine.txt")
    assert prompt.look_back(UP) == ("Read @mine.txt", "Read @mine.txt", False)
    assert prompt.send_again("Read @mine.txt") == ("Read @mine.txt", "Read @mine.txt", False)


def test_only_what_looks_like_ours_in_the_history_says_what_was_pasted(tmp_path: Path) -> None:
    (tmp_path / "history").write_bytes(b"\n# 2026 pasted 0-5,x-9,7,\n+a @b \xff\n+c\n\n# 2026\n+plain\r\n")
    not_typed = NotTyped()
    history = MessageHistory(tmp_path / "history", Pastes(), not_typed)
    assert list(history.load_history_strings()) == ["plain\r", "a @b \ufffd\nc"]
    not_typed.look_at("a @b \ufffd\nc")
    assert not_typed.here == ()
