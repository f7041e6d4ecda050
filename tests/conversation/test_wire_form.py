"""What goes between two of our processes comes out as it went in."""

import json
from collections.abc import Sequence

import pytest

from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, system_message, user_message
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.conversation.wire_form import (
    error_from_json,
    error_to_json,
    event_from_json,
    event_to_json,
    request_from_json,
    request_to_json,
)
from oss_cli.errors import BadUsage, OssError, PromptTooLong

CALL = ToolCall("weather", '{"city": "Köln", ', "call_1")
EVENTS: list[Event] = [
    Notice("a"), PrefillProgress(3, 7), TokensSampled((1, 200_000)), ReasoningDelta("\ud83d "), PreambleDelta("x"),
    TextDelta("\x00\u2028 \r\n"), ToolCallDelta(0, "weather", '{"'), ToolCallEnded(1, CALL),
    TurnEnded(StopReason.STOP_STRING, Usage(1, 2, 3, 4, 5, 0.1, 1 / 3, 6.5), 2**32 - 2), TurnEnded(
        StopReason.END, Usage()),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_out_as_it_went_in(event: Event) -> None:
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event


REQUESTS: list[tuple[Sequence[Message], ReplyOptions]] = [
    ([user_message("Hi")], ReplyOptions("2026-11-24")),
    ([user_message("Hi")], ReplyOptions("2026-11-24", drawn_seed=9)),
    (
        [
            system_message("Be \ud83d brief."), user_message(""), Message(Role.ASSISTANT, "a", "thought", (CALL,)),
            Message(Role.TOOL, "cold", tool_call_id="call_1", name="weather"),
        ],
        ReplyOptions(
            "2020-01-01", SamplingOptions(0.0, 1.0, 0, 0.0, 1.1, 0, 5, (), {}), ReasoningEffort.LOW,
            (Tool("weather", "of a city", {"type": "object"}), Tool("now")), goes_on=True,
            conversation="c1", recurring="So",
            begun=BegunReply(Message(Role.ASSISTANT, "so"), (1, 2)), reasoning_budget=0,
            answer_form=SchemaForm({"type": "string"}, "n", "d"),
        ),
    ),
    ([user_message("Hi")], ReplyOptions("x", SamplingOptions(stop=("a", "\n"), logit_bias={7: -1.5}),
                                        answer_form=GrammarForm('root ::= "a"'))),
    ([user_message("Hi")], ReplyOptions("x", answer_form=SchemaForm(True))),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "options"), REQUESTS)
def test_a_request_comes_out_as_it_went_in(messages: Sequence[Message], options: ReplyOptions) -> None:
    given = Fields(json.loads(json.dumps({**request_to_json(messages, options), "format": "chat"})), "")
    assert request_from_json(given) == (tuple(messages), options)
    assert given.rest() == {"format": "chat"}


@pytest.mark.parametrize(
    "error",
    [
        BadUsage("a", cause="b\nc", hint="d"),
        PromptTooLong(prompt_tokens=5000, context_tokens=4096, trained_tokens=8192),
    ],
)
def test_an_error_keeps_its_kind_and_its_words(error: OssError) -> None:
    told = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert type(told) is type(error)
    assert (told.message, told.cause, told.hint, str(told)) == (error.message, error.cause, error.hint, str(error))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "must be an object"),
        ({"event": "other"}, "event: is none that we know: 'other'"),
        ({"event": "text"}, "text: is missing"),
        ({"event": "tokens", "ids": ["1"]}, "ids[0]: must be a whole number"),
        ({"event": "ended", "seed": 1}, "event: lacks its reason or its usage"),
        ({"event": "text", "text": "a", "more": 1}, "more: is not known"),
    ],
)
def test_what_is_no_event_is_refused(value: object, problem: str) -> None:
    with pytest.raises(Unfit) as caught:
        event_from_json(value)
    assert str(caught.value) == problem
