"""Replies that are text: reasoning and answer told apart, however the tokens cut them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.conversation.events import ReasoningDelta, TextDelta
from oss_cli.prompts.text_reader import TextReader, length_of_beginning

THINK = ("<think>", "</think>")


class PieceVocabulary:
    """Token n stands for the nth piece; names are control tokens, numbered from the last one down."""

    bos: int | None = None
    eos: int | None = None
    adds_bos = False

    def __init__(self, pieces: list[bytes], controls: tuple[str, ...] = ()) -> None:
        self._pieces = pieces
        self._controls = {name: -1 - number for number, name in enumerate(controls)}

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        raise NotImplementedError

    def special(self, name: str) -> int | None:
        return self._controls.get(name)

    def special_names(self) -> dict[str, int]:
        return self._controls

    def is_control(self, token: int) -> bool:
        return token < 0

    def is_special(self, token: int) -> bool:
        return token < 0

    def name(self, token: int) -> str:
        return self.piece(token).decode()

    def piece(self, token: int) -> bytes:
        return b"" if token < 0 else self._pieces[token]

    def is_end(self, token: int) -> bool:
        return False


def read(pieces: list[bytes], *, tags: tuple[str, str] | None = THINK, thinks: bool = False) -> tuple[str, str]:
    """The reasoning and the answer in a reply of these pieces."""
    reader = TextReader(PieceVocabulary(pieces), tags=tags, thinks=thinks)
    events = [event for token in range(len(pieces)) for event in reader.feed(token)] + reader.close()
    assert all(isinstance(event, (ReasoningDelta, TextDelta)) and event.text for event in events)
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    return reasoning, "".join(event.text for event in events if isinstance(event, TextDelta))


def one_byte_each(text: str) -> list[bytes]:
    return [bytes([byte]) for byte in text.encode()]


REPLIES = [
    ("<think>Let me see.</think>Four.", "Let me see.", "Four."),
    ("<think>\nLet me see.\n</think>\n\nFour.\n", "Let me see.\n", "Four.\n"),
    ("\n <think>a</think> b", "a", "b"),
    ("<think>\n\n</think>\n\nFour.", "", "Four."),
    ("<think></think>", "", ""),
    ("Four.", "", "Four."),
    ("  Four.", "", "  Four."),
    ("", "", ""),
    (" ", "", " "),
    ("A <think>b</think> c", "", "A <think>b</think> c"),
    ("<thin", "", "<thin"),
    ("<thinking>a", "", "<thinking>a"),
    ("<Think>a</Think>", "", "<Think>a</Think>"),
    ("<think>a</think>b<think>c</think>d", "a", "b<think>c</think>d"),
    ("<think>a < b </ c </thin </think>d", "a < b </ c </thin ", "d"),
    ("<think>a<think>b</think>c", "a<think>b", "c"),
    ("<think>never done", "never done", ""),
    ("<think>never done</thin", "never done</thin", ""),
    ("<think>", "", ""),
    ("</think>a", "", "</think>a"),
    ("<think>é 你好 👩‍👩‍👧</think>👍🏽 é", "é 你好 👩‍👩‍👧", "👍🏽 é"),
]


@pytest.mark.parametrize(("reply", "reasoning", "answer"), REPLIES)
def test_reasoning_is_what_stands_between_tags_at_the_start(reply: str, reasoning: str, answer: str) -> None:
    assert read([reply.encode()]) == read(one_byte_each(reply)) == (reasoning, answer)


@pytest.mark.parametrize(
    ("reply", "reasoning", "answer"),
    [
        ("Let me see.</think>\n\nFour.", "Let me see.", "Four."),
        ("\nLet me see.\n</think>\n\nFour.", "Let me see.\n", "Four."),
        ("</think>Four.", "", "Four."),
        ("never done", "never done", ""),
        ("never done</thi", "never done</thi", ""),
        (" \n", "", ""),
        ("", "", ""),
    ],
)
def test_where_the_prompt_has_opened_the_reasoning_the_reply_begins_inside(
    reply: str, reasoning: str, answer: str
) -> None:
    assert read([reply.encode()], thinks=True) == read(one_byte_each(reply), thinks=True) == (reasoning, answer)


@pytest.mark.parametrize("thinks", [False, True])
def test_without_tags_everything_is_the_answer(thinks: bool) -> None:
    reply = " <think>a</think>\n"
    assert read([reply.encode()], tags=None) == ("", reply)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "<", "</", "think", ">", " ", "\n", "a", "é", "👍🏽"]), max_size=10
    ),
    st.lists(st.integers(0, 80), max_size=12),
    st.booleans(),
)
def test_the_tokens_make_no_difference(words: list[str], cuts: list[int], thinks: bool) -> None:
    data = "".join(words).encode()
    edges = [0, *sorted(min(at, len(data)) for at in cuts), len(data)]
    pieces = [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert read(pieces, thinks=thinks) == read([data], thinks=thinks)


@settings(derandomize=True, deadline=None)
@given(st.text("<think>/ \nab", max_size=30), st.booleans())
def test_unfinished_reasoning_never_becomes_the_answer(text: str, thinks: bool) -> None:
    text = text.replace("</think>", "")
    reply = text if thinks else "<think>" + text
    assert read(one_byte_each(reply), thinks=thinks) == (text.lstrip(), "")


def test_a_character_across_tokens_comes_whole_and_a_broken_one_is_replaced() -> None:
    reader = TextReader(PieceVocabulary([b"\xf0\x9f", b"\x91", b"\x8da", b"\xff", b"\xe4\xbd"]))
    events = [reader.feed(token) for token in range(5)]
    assert events == [[], [], [TextDelta("👍a")], [TextDelta("\ufffd")], []]
    assert (reader.close(), reader.close()) == ([TextDelta("\ufffd")], [])


def test_text_comes_at_once_but_for_the_beginning_of_a_tag() -> None:
    reader = TextReader(PieceVocabulary([b"<think>", b"a <", b"b", b"</thi", b"nk>", b"\n", b"c"]), tags=THINK)
    assert [reader.feed(token) for token in range(7)] == [
        [],
        [ReasoningDelta("a ")],
        [ReasoningDelta("<b")],
        [],
        [],
        [],
        [TextDelta("c")],
    ]


def test_tags_that_are_control_tokens_count_though_they_have_no_text() -> None:
    tags = ("[THINK]", "[/THINK]")
    reader = TextReader(PieceVocabulary([b"Hm.", b"Four."], tags), tags=tags)
    events = [event for token in (-1, 0, -2, 1) for event in reader.feed(token)] + reader.close()
    assert events == [ReasoningDelta("Hm."), TextDelta("Four.")]


@pytest.mark.parametrize(
    ("text", "tag", "length"),
    [("abc", "x", 0), ("ab<", "</a>", 1), ("ab</", "</a>", 2), ("</a>", "</a>", 0), ("aa", "aaa", 2), ("", "ab", 0)],
)
def test_the_beginning_of_a_tag_is_looked_for_at_the_end(text: str, tag: str, length: int) -> None:
    assert length_of_beginning(text, tag) == length
