"""Whatever bytes a model, a file or a hub sends, and wherever they are printed: they cannot drive the terminal."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.conversation.events import Event, Notice, PreambleDelta, ReasoningDelta, TextDelta
from oss_cli.conversation.habits import ReasoningView
from oss_cli.errors import BadUsage, UnknownModel
from oss_cli.terminal.console import Console
from oss_cli.terminal.counting import CountStatus
from oss_cli.terminal.errors import show_error, show_notice
from oss_cli.terminal.reply import ReplyPrinter
from oss_cli.terminal.status import LoadStatus
from oss_cli.terminal.tables import show_table
from tests.terminal.screens import OURS
from tests.terminal.streams import Clock, Kind, Screen

# Bytes as chance brings them, and as somebody would choose them who wants to do harm.
PIECES = [
    b"\x1b[", b"\x1b]52;c;aGk=\x07", b"\x1bP", b"\x1b]8;;x\x1b\\", b"\x9b", b"\xc2\x9b2J", b"\r", b"\x08", b"\x00",
    b"&#27;[", b"&#x202e;", "\u202e".encode(), "\U000e0041".encode(), b"\n", b"# ", b"- ", b"> ", b"```\n", b"`", b"**",
    b"| a | b |\n|--|--|\n| ", b"](", b"[", b"<", b"javascript:", b"\xf0\x9f\x91\x8d", b"\xe4\xb8\xad", b"x ",
]  # fmt: skip
BYTES = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
TEXTS = st.tuples(BYTES, st.sampled_from(["replace", "surrogateescape"])).map(
    lambda one: one[0].decode("utf-8", one[1])
)


def show_reply(mode: ReasoningView, *, markdown: bool) -> Callable[[Console, str], None]:
    def show(console: Console, text: str) -> None:
        clock = Clock()
        half = len(text) // 2
        events: list[Event] = []
        for kind in (ReasoningDelta, PreambleDelta, TextDelta):
            events += [kind(text[:half]), kind(text[half:])]
        with ReplyPrinter(console, clock, markdown=markdown, reasoning=mode, begun=text[:half]) as printer:
            for event in [*events, Notice(text)]:
                printer.show([event])
                clock.now += 1

    return show


def show_status(console: Console, text: str) -> None:
    clock = Clock()
    with LoadStatus(console.err, text, clock) as status:
        for share in (0.1, 0.5, 0.9):
            status.show(share)
            clock.now += 1
    with CountStatus(console.err, text, 100) as count:
        count.add(50)


def show_failure(console: Console, text: str) -> None:
    show_error(BadUsage(text, cause=text, hint=text), console.err)
    show_error(UnknownModel(text, nearest=(text,)), console.err)


def show_styles(console: Console, text: str) -> None:
    for write in (console.out.write, console.out.dim, console.out.bold, console.out.alarm):
        write(text)
    show_notice(console, text)


PATHS: dict[str, Callable[[Console, str], None]] = {
    "markdown": show_reply(ReasoningView.SHOW, markdown=True),
    "plain text": show_reply(ReasoningView.FOLD, markdown=False),
    "hidden reasoning": show_reply(ReasoningView.HIDE, markdown=False),
    "a table": lambda console, text: show_table(console.out, (text, "b"), [(text, text), ("x", text)]),
    "a status": show_status,
    "an error": show_failure,
    "styles": show_styles,
}
HARMLESS_FORMATS = {"\u200c", "\u200d"}


def assert_harmless(text: str) -> None:
    for character in set(text) - {"\n", "\t"} - HARMLESS_FORMATS:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"), ascii(character)
        assert not 0xE0000 <= ord(character) < 0xE0080 and character not in "\u202e\u2066", ascii(character)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [Kind.DUMB, Kind.PLAIN, Kind.COLOUR])
@settings(max_examples=500)
@given(TEXTS)
def test_only_our_own_sequences_reach_a_terminal(path: str, kind: Kind, text: str) -> None:
    screen = Screen(kind, kind)
    PATHS[path](screen.console, text)
    for written in screen.texts:
        assert kind is not Kind.DUMB or "\x1b" not in written
        assert_harmless(OURS.sub("", written))
