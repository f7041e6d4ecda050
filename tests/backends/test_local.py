"""A prompt format and an engine joined: which events come, what the engine is asked, how a reply ends."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import pytest

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.answer_form import CallForm
from oss_cli.conversation.events import (
    Event,
    PrefillProgress,
    ReasoningDelta,
    ReplyEvent,
    StopReason,
    TextDelta,
    TokensSampled,
    ToolCallEnded,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, user_message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.engine.base import Ended, EndReason, EngineEvent, GenerationRequest
from oss_cli.errors import BadUsage, ExitCode
from oss_cli.prompts.base import Prompt, RenderOptions, ReplyFrame
from tests.fakes.engine import ScriptedEngine

CALL = ToolCallEnded(0, ToolCall("now", "{}", "1"))
END = 0
"""The token that ends a reply."""
SCRIPT: dict[int, list[ReplyEvent]] = {
    END: [],
    1: [ReasoningDelta("Hm.")],
    2: [TextDelta("Hello")],
    3: [TextDelta(" wor")],
    4: [TextDelta("ld!")],
    5: [CALL],
    6: [TextDelta("a\nb")],
    7: [],
}


class ScriptedReader:
    """Reads tokens by the script; token 7 ends the reply, and " (end)" was held back."""

    def __init__(self, rest: str) -> None:
        self.is_done = False
        self.reasoning_tokens = 0
        self._rest = rest

    def feed(self, token: int) -> list[ReplyEvent]:
        self.is_done = token == 7
        self.reasoning_tokens += token == 1
        return SCRIPT[token]

    def switch_to_answer(self, *, splits_characters: bool = False) -> list[int]:
        return []

    def close(self, *, is_cut_off: bool = False) -> list[ReplyEvent]:
        return [TextDelta(self._rest)] if self._rest else []


class ScriptedFormat:
    """A PromptFormat whose prompts have four tokens, three of them stable."""

    name = "scripted"
    is_plain = False

    def __init__(self, rest: str = "") -> None:
        self._rest = rest
        self.asked: list[tuple[list[Message], RenderOptions]] = []

    def render(self, messages: Sequence[Message], options: RenderOptions) -> Prompt:
        self.asked.append((list(messages), options))
        return Prompt([10, 11, 12, 13], "prompt", 3)

    def count_prompt(self, messages: Sequence[Message], options: RenderOptions) -> int:
        return len(self.render(messages, options).tokens)

    def reader(self, prompt: Prompt) -> ScriptedReader:
        assert prompt.text == "prompt"
        return ScriptedReader(self._rest)

    def frame(self, prompt: Prompt) -> ReplyFrame:
        return ReplyFrame("root ::= answer")

    def call_frame(self, prompt: Prompt, form: CallForm) -> ReplyFrame:
        return ReplyFrame("root ::= arguments-0")

    def open_reply(self, prompt: Prompt, message: Message) -> list[int]:
        return [2, 3]

    def count_tokens(self, text: str) -> int:
        return len(text)


MODEL = LocalModel("m", SamplingOptions(temperature=0.7, top_k=40, stop=("model's",)))
ASKED = [user_message("hi")]
SEED = SamplingOptions(seed=5)


def options(sampling: SamplingOptions = SEED, *, goes_on: bool = False) -> ReplyOptions:
    return ReplyOptions("2026-11-23", sampling, goes_on=goes_on)


def reply(engine: ScriptedEngine, asked: ReplyOptions | None = None, *, rest: str = "") -> list[Event]:
    return list(LocalBackend(engine, ScriptedFormat(rest), MODEL).reply(ASKED, asked or options()))


def said(events: list[Event]) -> tuple[str, StopReason]:
    """The answer, and why it ended."""
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), ended.reason


def stops(*stop: str) -> ReplyOptions:
    return options(SamplingOptions(stop=stop))


def test_events_come_in_order_and_the_last_one_tells_what_the_reply_cost() -> None:
    events = reply(ScriptedEngine([1, 2, 3, END]), rest=" (end)")
    ended = events.pop()
    assert events == [
        PrefillProgress(0, 4),
        PrefillProgress(4, 4),
        TokensSampled((1,)),
        ReasoningDelta("Hm."),
        TokensSampled((2,)),
        TextDelta("Hello"),
        TokensSampled((3,)),
        TextDelta(" wor"),
        TokensSampled((END,)),
        TextDelta(" (end)"),
    ]
    assert isinstance(ended, TurnEnded)
    assert ended == TurnEnded(
        StopReason.END,
        Usage(
            prompt_tokens=4,
            reused_tokens=2,
            reply_tokens=4,
            reasoning_tokens=1,
            context_tokens=4096,
            prefill_s=0.5,
            decode_s=0.3,
            first_token_s=ended.usage.first_token_s,
        ),
        seed=5,
    )
    assert 0 < ended.usage.first_token_s < 5


@pytest.mark.parametrize(
    ("tokens", "reason", "stop_reason"),
    [
        ([2, END], EndReason.END_TOKEN, StopReason.END),
        ([2, 7, 3], EndReason.END_TOKEN, StopReason.END),
        ([2], EndReason.MAX_TOKENS, StopReason.MAX_TOKENS),
        ([2], EndReason.CONTEXT_FULL, StopReason.CONTEXT_FULL),
        ([2], EndReason.CANCELLED, StopReason.CANCELLED),
        ([], EndReason.CONTEXT_FULL, StopReason.CONTEXT_FULL),
        ([2, 5, END], EndReason.END_TOKEN, StopReason.TOOL_CALL),
        ([5, 7], EndReason.END_TOKEN, StopReason.TOOL_CALL),
        ([5, 2], EndReason.MAX_TOKENS, StopReason.MAX_TOKENS),
    ],
)
def test_a_reply_ends_for_the_engines_reason_or_for_a_tool(
    tokens: list[int], reason: EndReason, stop_reason: StopReason
) -> None:
    assert said(reply(ScriptedEngine(tokens, reason)))[1] == stop_reason


def test_a_reader_that_is_done_stops_the_engine_at_that_token() -> None:
    engine = ScriptedEngine([2, 7, 3])
    assert said(reply(engine)) == ("Hello", StopReason.END)
    assert engine.sampled == [2, 7]


def test_a_stop_string_across_tokens_stops_the_engine_at_the_token_that_completes_it() -> None:
    engine = ScriptedEngine([2, 3, 4, 6])
    assert said(reply(engine, stops("world"))) == ("Hello ", StopReason.STOP_STRING)
    assert engine.sampled == [2, 3, 4]


def test_a_stop_string_inside_a_token_leaves_what_stands_before_it() -> None:
    engine = ScriptedEngine([6, 2])
    assert said(reply(engine, stops("\n"))) == ("a", StopReason.STOP_STRING)
    assert engine.sampled == [6]


def test_a_stop_string_ends_the_answer_and_not_the_reasoning() -> None:
    assert said(reply(ScriptedEngine([1, 2, END]), stops("Hm"))) == ("Hello", StopReason.END)


def test_a_stop_string_in_what_was_held_back_counts() -> None:
    assert said(reply(ScriptedEngine([2, END]), stops("x"), rest=" x y")) == ("Hello ", StopReason.STOP_STRING)


def test_the_beginning_of_a_stop_string_at_the_end_is_part_of_the_answer() -> None:
    assert said(reply(ScriptedEngine([2, 3, END]), stops("world"))) == ("Hello wor", StopReason.END)


class InterruptedEngine(ScriptedEngine):
    """Ctrl-C comes after the last token, before the end is told."""

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        for event in super().generate(request):
            if isinstance(event, Ended):
                raise KeyboardInterrupt
            yield event


@pytest.mark.parametrize(
    ("tokens", "rest", "answer"), [([2, 3, 7], "", "Hello wor"), ([2, 7], " (end)", "Hello (end)"), ([3], "", " ")]
)
def test_what_was_held_back_comes_with_the_token_that_ends_the_reply(tokens: list[int], rest: str, answer: str) -> None:
    events = LocalBackend(InterruptedEngine(tokens), ScriptedFormat(rest), MODEL).reply(ASKED, stops("world"))
    told: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        told += iter(events)
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == answer


def test_text_before_a_tool_call_comes_before_it() -> None:
    events = reply(ScriptedEngine([3, 5, END]), stops("world"))
    assert [event for event in events[2:-1] if not isinstance(event, TokensSampled)] == [
        TextDelta(" "),
        TextDelta("wor"),
        CALL,
    ]


def test_the_seed_asked_for_is_used_and_told() -> None:
    engine = ScriptedEngine([END])
    ended = reply(engine, options(SamplingOptions(seed=0)))[-1]
    assert isinstance(ended, TurnEnded)
    assert (engine.requests[0].sampling.seed, ended.seed) == (0, 0)


def test_without_a_seed_every_reply_has_a_fresh_one_and_tells_it() -> None:
    engine = ScriptedEngine([END])
    ended = [reply(engine, options(SamplingOptions()))[-1] for _ in range(5)]
    seeds = [event.seed for event in ended if isinstance(event, TurnEnded)]
    assert seeds == [request.sampling.seed for request in engine.requests]
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 2**32 - 1 for seed in seeds)


def test_the_request_decides_and_the_model_fills_in() -> None:
    engine = ScriptedEngine([END])
    reply(engine, options(SamplingOptions(temperature=0.0, max_tokens=9, seed=1)))
    assert engine.requests[0].sampling == SamplingOptions(
        temperature=0.0, top_k=40, max_tokens=9, seed=1, stop=("model's",)
    )


def test_a_models_own_stop_strings_hold_until_the_request_has_some() -> None:
    engine = ScriptedEngine([2, END])
    model = LocalModel("m", SamplingOptions(stop=("ell",)))
    for asked, answer in [((), "Hello"), (("lo",), "Hel"), (None, "H")]:
        backend = LocalBackend(engine, ScriptedFormat(), model)
        assert said(list(backend.reply(ASKED, options(SamplingOptions(stop=asked)))))[0] == answer


@pytest.mark.parametrize(("goes_on", "stable"), [(True, 3), (False, None)])
def test_a_conversation_that_goes_on_tells_how_much_of_its_prompt_stays(goes_on: bool, stable: int | None) -> None:
    engine = ScriptedEngine([END])
    reply(engine, options(goes_on=goes_on))
    assert (engine.requests[0].prompt, engine.requests[0].stable_tokens) == ([10, 11, 12, 13], stable)


@pytest.mark.parametrize(
    ("asked", "drawn", "seed", "may_guess"),
    [
        (SamplingOptions(temperature=1.0), 9, 9, True),
        (SamplingOptions(temperature=1.0, seed=7), 9, 7, False),
        (SamplingOptions(temperature=0.0), 9, 9, False),
    ],
)
def test_a_seed_that_nobody_asked_for_promises_nothing(
    asked: SamplingOptions, drawn: int, seed: int, may_guess: bool
) -> None:
    engine = ScriptedEngine([END])
    *_, ended = reply(engine, replace(options(asked), drawn_seed=drawn))
    assert isinstance(ended, TurnEnded)
    assert (engine.requests[0].sampling.seed, ended.seed, engine.requests[0].may_guess) == (seed, seed, may_guess)


def test_the_format_is_told_date_effort_and_tools() -> None:
    prompt_format = ScriptedFormat()
    backend = LocalBackend(ScriptedEngine([END]), prompt_format, MODEL)
    tools = (Tool("now"),)
    list(backend.reply(ASKED, ReplyOptions("2026-11-23", effort=ReasoningEffort.HIGH, tools=tools)))
    list(backend.reply(ASKED, ReplyOptions("2026-11-23")))
    assert prompt_format.asked == [
        (ASKED, RenderOptions("2026-11-23", ReasoningEffort.HIGH, tools)),
        (ASKED, RenderOptions("2026-11-23", ReasoningEffort.MEDIUM, ())),
    ]


@pytest.mark.parametrize("messages", [[], [user_message("")], [Message(Role.SYSTEM, " \n"), user_message("\t")]])
def test_an_empty_prompt_is_an_error_before_the_engine_is_asked(messages: list[Message]) -> None:
    engine = ScriptedEngine([END])
    with pytest.raises(BadUsage) as caught:
        list(LocalBackend(engine, ScriptedFormat(), MODEL).reply(messages, options()))
    error = caught.value
    assert (error.message, error.cause, error.hint) == ("the prompt is empty", "", 'oss run "Why is the sky blue?"')
    assert (error.exit_code, engine.requests) == (ExitCode.USAGE, [])


def test_closing_a_reply_early_stops_the_engine() -> None:
    engine = ScriptedEngine([2, 3, 4, END])
    events = LocalBackend(engine, ScriptedFormat(), MODEL).reply(ASKED, options())
    assert TextDelta("Hello") in [next(events) for _ in range(4)]
    events.close()
    assert (engine.sampled, engine.stopped_early) == ([2], 1)


def test_closing_the_backend_closes_its_engine() -> None:
    engine = ScriptedEngine()
    backend = LocalBackend(engine, ScriptedFormat(), MODEL)
    backend.close()
    assert (engine.closed, backend.name, backend.is_plain) == (1, "m", False)
