"""How a reply streams: what is shown, what is held back, and when the reader says that it is over."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.conversation.events import (
    PreambleDelta,
    ReasoningDelta,
    ReplyEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from oss_cli.conversation.messages import ToolCall
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.harmony import HarmonyReader
from tests.prompts.harmony.replies import encode, expect, join, read

NEXT = "<|end|><|start|>assistant"


def events_of(vocabulary: LlamaVocabulary, text: str) -> list[ReplyEvent]:
    return read(HarmonyReader(vocabulary), encode(vocabulary, text))


def test_each_token_is_told_as_it_comes(gpt_oss: LlamaVocabulary) -> None:
    reply = (
        f"<|channel|>analysis<|message|>Need it{NEXT}<|channel|>commentary<|message|>One moment{NEXT}"
        '<|channel|>commentary to=functions.now <|constrain|>json<|message|>{"a":1}<|call|>'
    )
    assert events_of(gpt_oss, reply) == [
        ReasoningDelta("Need"),
        ReasoningDelta(" it"),
        PreambleDelta("One"),
        PreambleDelta(" moment"),
        ToolCallDelta(0, "now", '{"'),
        ToolCallDelta(0, "now", "a"),
        ToolCallDelta(0, "now", '":'),
        ToolCallDelta(0, "now", "1"),
        ToolCallDelta(0, "now", "}"),
        ToolCallEnded(0, ToolCall("now", '{"a":1}')),
    ]


def test_a_character_of_several_tokens_is_told_when_it_is_whole(gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    tokens = encode(gpt_oss, "<|channel|>final<|message|>")
    snowman = gpt_oss.tokenize("☃", parse_special=False)
    assert len(snowman) > 1
    assert [reader.feed(token) for token in (*tokens, *snowman)] == [
        *[[] for _ in tokens],
        *[[] for _ in snowman[1:]],
        [TextDelta("☃")],
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "<|channel|>final<|message|>Hi<|return|>",
        "<|channel|>final<|message|>Hi<|end|>",
        "<|message|>Hi<|end|>",
        "<|channel|>final<|message|>Hi<|endoftext|>",
        "<|channel|>analysis<|message|>Hi<|return|>",
        "<|channel|>commentary to=functions.f<|message|>{}<|call|>",
        "<|channel|>commentary to=functions.f<|message|>{}<|end|>",
        "<|channel|>commentary<|message|>Hi<|call|>",
        f"<|channel|>analysis<|message|>Hi{NEXT.removesuffix('assistant')}user<|message|>",
        "<|return|>",
    ],
)
def test_the_last_token_ends_the_reply(reply: str, gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    *tokens, last = encode(gpt_oss, reply)
    for token in tokens:
        reader.feed(token)
        assert not reader.is_done
    reader.feed(last)
    assert reader.is_done
    assert not any(reader.feed(token) for token in encode(gpt_oss, f"more{NEXT}<|channel|>final<|message|>no"))
    assert reader.close() == []


@pytest.mark.parametrize(
    "reply",
    [
        "<|channel|>analysis<|message|>Hi<|end|>",
        "<|channel|>commentary<|message|>Hi<|end|>",
        "<|channel|>odd<|message|>Hi<|end|>",
    ],
)
def test_reasoning_and_preambles_do_not_end_the_reply(reply: str, gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    for token in encode(gpt_oss, reply):
        reader.feed(token)
    assert not reader.is_done


@pytest.mark.parametrize("end", ["", "<|start|>assistant<|channel|>analysis<|message|>"])
def test_a_call_without_its_closing_token_never_ends(end: str, gpt_oss: LlamaVocabulary) -> None:
    said = join(events_of(gpt_oss, f"<|channel|>commentary to=functions.rm json<|message|>{{}}{end}"))
    assert said.calls == {0: ("rm", "{}")}
    assert said.ended == {}


def test_a_call_without_arguments_is_a_call(gpt_oss: LlamaVocabulary) -> None:
    reply = "<|channel|>commentary to=functions.now<|message|><|call|>"
    assert events_of(gpt_oss, reply) == [ToolCallEnded(0, ToolCall("now", ""))]


def test_a_call_that_lost_its_recipient_shows_nothing(gpt_oss: LlamaVocabulary) -> None:
    assert events_of(gpt_oss, "<|channel|>commentary <|constrain|>json<|message|>{}<|call|>") == []


def test_an_unknown_channel_is_hidden_when_there_is_an_answer(gpt_oss: LlamaVocabulary) -> None:
    reply = f"<|channel|>musing<|message|>hm{NEXT}<|channel|>final<|message|>Hi<|return|>"
    assert events_of(gpt_oss, reply) == [TextDelta("Hi")]


def test_an_unknown_channel_is_the_answer_when_nothing_else_was_said(gpt_oss: LlamaVocabulary) -> None:
    reply = f"<|channel|>analysis<|message|>hm{NEXT}<|channel|>reply<|message|>Hello you<|return|>"
    assert events_of(gpt_oss, reply) == [ReasoningDelta("hm"), TextDelta("Hello you")]


def test_text_without_any_markup_streams_once_it_is_too_long_for_a_header(gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    text = "naïve ☃ snow " * 40
    events = [event for token in gpt_oss.tokenize(text, parse_special=False) for event in reader.feed(token)]
    assert len(events) > 50
    assert join(events + reader.close()).answer == text
    assert len(reader.messages) == 1


def test_a_long_call_without_markup_is_still_a_call(gpt_oss: LlamaVocabulary) -> None:
    arguments = '{"text": "' + "long " * 60 + '"}'
    said = join(events_of(gpt_oss, f" to=functions.write {arguments}"))
    assert said.calls == {0: ("write", arguments)}
    assert said.answer == ""


def test_a_header_longer_than_any_header_shows_nothing(gpt_oss: LlamaVocabulary) -> None:
    assert events_of(gpt_oss, " to=functions." + "x" * 1000) == []


@pytest.mark.parametrize(
    "header", ["assistant", " to=functions.f", "<|channel|>", "<|channel|>final", "<|channel|>final json"]
)
@pytest.mark.parametrize(
    "before", ["", "<|channel|>analysis<|message|><|end|>", f"<|channel|>analysis<|message|>{NEXT[:-9]}"]
)
def test_a_header_alone_shows_nothing_however_it_ends(header: str, before: str, gpt_oss: LlamaVocabulary) -> None:
    for end in ("", "<|end|>", "<|return|>", "<|call|>", "<|start|>"):
        assert events_of(gpt_oss, before + header + end) == [], end


def test_what_was_wrong_is_kept_for_the_log(gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    read(reader, encode(gpt_oss, "<|channel|>analysis<|message|>a<|constrain|><|channel|>final hi<|return|>"))
    assert reader.warnings == ["ignored <|constrain|> in content", "missing <|end|><|start|>", "missing <|message|>"]


def test_the_cost_of_a_token_does_not_grow_with_the_reply(gpt_oss: LlamaVocabulary) -> None:
    word = gpt_oss.tokenize(" word", parse_special=False)
    for opening in ("<|channel|>final<|message|>", "<|channel|>final", "<|start|>", ""):
        reader = HarmonyReader(gpt_oss)
        began = time.perf_counter()
        read(reader, encode(gpt_oss, opening) + word * 100_000)
        assert time.perf_counter() - began < 5, opening  # 0.2 s alone; minutes if it were quadratic


MARKERS = [
    "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>",
    "<|return|>", "<|call|>", "<|endoftext|>", "<|reserved_200009|>",
]  # fmt: skip
WORDS = [
    "assistant",
    "analysis",
    "commentary",
    "final",
    "comment",
    "user",
    " to",
    "=",
    "functions",
    ".f",
    " json",
    "{",
    " ",
    "\n",
]


@st.composite
def token_lists(draw: st.DrawFn) -> list[str | int]:
    numbers = st.integers(0, 201_087)
    steps = st.sampled_from(MARKERS) | st.sampled_from(MARKERS[:4]) | st.sampled_from(WORDS) | numbers
    return draw(st.lists(steps, max_size=40))


@settings(max_examples=400)
@given(token_lists())
def test_any_tokens_are_read_without_error_and_without_showing_a_marker(
    gpt_oss: LlamaVocabulary, steps: list[str | int]
) -> None:
    tokens = [t for step in steps for t in ([step] if isinstance(step, int) else encode(gpt_oss, step))]
    reader = HarmonyReader(gpt_oss)
    events: list[ReplyEvent] = []
    was_done = False
    for token in tokens:
        told = reader.feed(token)
        assert not (was_done and told)
        assert reader.is_done or not was_done
        was_done = reader.is_done
        events += told
    events += reader.close()

    assert reader.is_done
    assert reader.close() == []
    said = join(events)
    assert said == expect(reader.messages)
    shown = "".join([said.reasoning, said.preamble, said.answer, *(name + text for name, text in said.calls.values())])
    assert not any(marker in shown for marker in MARKERS)
    assert shown.encode("utf-8").decode("utf-8") == shown


HEADERS = st.tuples(
    st.sampled_from(["", "assistant", " to=functions.secret"]),
    st.sampled_from(
        ["<|channel|>analysis", "<|channel|>commentary", "<|channel|>final", "<|channel|>commentary<|channel|>final"]
    ),
    st.sampled_from(
        ["", " to=functions.secret", " json", " <|constrain|>json", " to=functions.secret <|constrain|>json"]
    ),
).map("".join)


@given(st.lists(HEADERS, min_size=1, max_size=3), st.data())
def test_no_header_is_shown_wherever_a_reply_is_cut_off(
    gpt_oss: LlamaVocabulary, headers: list[str], data: st.DataObject
) -> None:
    reply = "<|end|><|start|>assistant".join(f"{header}<|message|>0 1 2" for header in headers)
    tokens = encode(gpt_oss, reply)
    cut = tokens[: data.draw(st.integers(0, len(tokens)))]
    said = join(read(HarmonyReader(gpt_oss), cut))
    shown = [said.reasoning, said.preamble, said.answer, *(text for _, text in said.calls.values())]
    assert set("".join(shown)) <= set("0 1 2")
    assert {name for name, _ in said.calls.values()} <= {"secret"}
