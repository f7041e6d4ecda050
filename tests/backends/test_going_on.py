"""A reply that was broken off goes on as if it never had been: same tokens, same texts, whatever was told of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.conversation.events import StopReason, TokensSampled
from oss_cli.conversation.messages import Message, Role, Tool, user_message
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.errors import BadUsage
from tests.backends.conftest import OpenBackend
from tests.backends.listening import Told, break_off, listen

WEATHER = Tool(
    "get_weather",
    "Get the weather for a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ASKED = {
    "a word": [user_message("Say the word banana.")],
    "letters of two tokens": [user_message("Say the word Zürich.")],
    "a character of four tokens": [user_message("Say the word 🚀.")],
    "a later turn": [
        user_message("My name is Alice."),
        Message(Role.ASSISTANT, "Nice to meet you, Alice."),
        user_message("What is my name?"),
    ],
}


def options(
    sampling: SamplingOptions | None = None,
    effort: ReasoningEffort = ReasoningEffort.MEDIUM,
    *,
    begun: BegunReply | None = None,
    tools: tuple[Tool, ...] = (),
) -> ReplyOptions:
    return ReplyOptions(
        "2026-11-23", sampling or SamplingOptions(), effort=effort, tools=tools, goes_on=True, begun=begun
    )


def assert_the_same(told: Told, whole: Told) -> None:
    assert told.tokens == whole.tokens
    assert told.texts == whole.texts
    assert told.calls == whole.calls
    assert told.ended is not None and whole.ended is not None
    assert told.ended.reason is whole.ended.reason


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("messages", ASKED.values(), ids=ASKED)
def test_a_reply_closed_at_any_token_goes_on_as_if_it_never_had_been(
    open_backend: OpenBackend, messages: list[Message], is_late: bool
) -> None:
    backend = open_backend()
    whole = listen(backend.reply(messages, options()))
    for tokens in range(1, len(whole.tokens)):
        told = break_off(backend, messages, options(), tokens=tokens, is_late=is_late)
        assert len(told.tokens) == tokens
        again = options(begun=told.begun)
        assert_the_same(listen(backend.reply(messages, again), told), whole)


def test_a_call_that_was_broken_off_goes_on(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = [user_message("What is the weather in Lisbon?")]
    whole = listen(backend.reply(messages, options(tools=(WEATHER,))))
    assert whole.ended is not None and whole.ended.reason is StopReason.TOOL_CALL
    for tokens in range(1, len(whole.tokens)):
        told = break_off(backend, messages, options(tools=(WEATHER,)), tokens=tokens, is_late=True)
        assert_the_same(listen(backend.reply(messages, options(begun=told.begun, tools=(WEATHER,))), told), whole)


@pytest.mark.parametrize("messages", ASKED.values(), ids=ASKED)
def test_a_reply_that_ran_into_max_tokens_again_and_again_is_the_whole_one(
    open_backend: OpenBackend, messages: list[Message]
) -> None:
    backend = open_backend()
    whole = listen(backend.reply(messages, options()))
    for size in (1, 2, 3, 5):
        told, limit = Told(), SamplingOptions(max_tokens=size)
        while told.ended is None or told.ended.reason is StopReason.MAX_TOKENS:
            before = len(told.tokens)
            begun = told.begun if told.tokens else None
            listen(backend.reply(messages, options(limit, begun=begun)), told)
            assert told.ended is not None
            assert told.ended.usage.reply_tokens == len(told.tokens) - before <= size
        assert_the_same(told, whole)


@pytest.mark.parametrize("messages", ASKED.values(), ids=ASKED)
def test_a_reply_goes_on_in_an_empty_cache(open_backend: OpenBackend, messages: list[Message]) -> None:
    whole = listen(open_backend().reply(messages, options()))
    for tokens in range(1, len(whole.tokens), 3):
        told = listen(open_backend().reply(messages, options(SamplingOptions(max_tokens=tokens))))
        again = open_backend()
        assert_the_same(listen(again.reply(messages, options(begun=told.begun)), told), whole)
        assert told.ended is not None
        assert told.ended.usage.reused_tokens == 0
        again.close()


@pytest.mark.parametrize("stop", ["test model", "model.", "I cannot answer this"])
def test_a_stop_string_counts_across_the_place_where_the_reply_was_broken_off(
    open_backend: OpenBackend, stop: str
) -> None:
    backend = open_backend()
    messages, sampling = [user_message("Why is the sky blue?")], SamplingOptions(stop=(stop,))
    whole = listen(backend.reply(messages, options(sampling)))
    for tokens in range(1, len(whole.tokens)):
        told = break_off(backend, messages, options(sampling), tokens=tokens, is_late=True)
        assert_the_same(listen(backend.reply(messages, options(sampling, begun=told.begun)), told), whole)


def test_the_beginning_of_a_stop_string_that_was_told_at_a_limit_is_not_told_again(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages, stop = [user_message("Why is the sky blue?")], ("I cannot answer this",)
    whole = listen(backend.reply(messages, options(SamplingOptions(stop=stop))))
    for tokens in range(1, len(whole.tokens)):
        told = listen(backend.reply(messages, options(SamplingOptions(stop=stop, max_tokens=tokens))))
        again = options(SamplingOptions(stop=stop), begun=told.begun)
        assert_the_same(listen(backend.reply(messages, again), told), whole)


def test_repeat_penalties_know_the_reply_so_far(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages, sampling = [user_message("Count to 12.")], SamplingOptions(repeat_penalty=2.0, max_tokens=60)
    whole = listen(backend.reply(messages, options(sampling)))
    assert whole.tokens != listen(backend.reply(messages, options(SamplingOptions(max_tokens=60)))).tokens
    for tokens in range(1, len(whole.tokens), 4):
        told = break_off(backend, messages, options(sampling), tokens=tokens, is_late=True)
        rest = replace(sampling, max_tokens=60 - tokens)
        assert_the_same(listen(backend.reply(messages, options(rest, begun=told.begun)), told), whole)


def test_what_the_rest_of_a_reply_costs(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = ASKED["a word"]
    whole = listen(backend.reply(messages, options()))
    told = listen(backend.reply(messages, options(SamplingOptions(max_tokens=6))))
    assert told.ended is not None and whole.ended is not None
    assert (told.ended.usage.reply_tokens, told.ended.usage.reasoning_tokens) == (6, 3)
    again = options(begun=told.begun)
    assert backend.count_tokens(messages, again) == whole.ended.usage.prompt_tokens + 6
    rest = listen(backend.reply(messages, again))
    assert rest.ended is not None
    usage = rest.ended.usage
    assert (usage.prompt_tokens, usage.reused_tokens) == (whole.ended.usage.prompt_tokens + 6, usage.prompt_tokens - 1)
    assert usage.reply_tokens == len(rest.tokens) == len(whole.tokens) - 6
    assert usage.reasoning_tokens == whole.ended.usage.reasoning_tokens - 3


def test_the_turn_after_a_reply_that_went_on_reuses_what_any_turn_does(open_backend: OpenBackend) -> None:
    question = [user_message("Tell a long story about a dragon.")]  # it thinks until it is stopped
    reused = []
    for limits in ([1000], [40, 960], [1, 299, 700]):
        backend = open_backend()
        told = Told()
        for limit in limits:
            begun = told.begun if told.tokens else None
            listen(backend.reply(question, options(SamplingOptions(max_tokens=limit), begun=begun)), told)
        messages = [*question, Message(Role.ASSISTANT, "No."), user_message("Say the word banana.")]
        after = listen(backend.reply(messages, options()))
        assert after.answer == "banana"
        assert after.ended is not None
        reused.append(after.ended.usage.reused_tokens)
    # Beyond the sliding window all is cut back to the checkpoint before `<|start|>assistant`.
    assert reused == [backend.count_tokens(question, options()) - 2] * 3


def test_what_the_tokens_hold_and_was_not_shown_is_told_first(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = ASKED["a word"]
    whole = listen(backend.reply(messages, options()))
    begun = BegunReply(Message(Role.ASSISTANT, "ba", reasoning="The user wants the"), tuple(whole.tokens[:-2]))
    rest = listen(backend.reply(messages, options(begun=begun)))
    assert rest.tokens == whole.tokens[-2:]
    assert rest.texts == (" word banana.", "", "nana")
    events = list(backend.reply(messages, options(begun=begun)))
    first = next(index for index, event in enumerate(events) if isinstance(event, TokensSampled))
    assert len([event for event in events[:first] if not hasattr(event, "done_tokens")]) > 0


def test_half_a_character_is_not_told_when_a_reply_is_cut_off(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = ASKED["a character of four tokens"]
    cut = [
        listen(backend.reply(messages, options(SamplingOptions(max_tokens=size), ReasoningEffort.LOW)))
        for size in range(3, 8)
    ]
    assert [told.answer for told in cut] == ["", "", "", "", "🚀"]


def test_what_a_complete_reply_still_held_back_is_told_when_it_is_to_go_on(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages, stopping = ASKED["a word"], SamplingOptions(stop=("banana!",))
    whole = listen(backend.reply(messages, options(stopping)))
    told = break_off(backend, messages, options(stopping), tokens=len(whole.tokens), is_late=False)
    assert (told.tokens, told.answer) == (whole.tokens, "")  # what may begin the stop string waits for the end
    rest = listen(backend.reply(messages, options(stopping, begun=told.begun)))
    assert (rest.tokens, rest.texts, rest.ended and rest.ended.reason) == ([], ("", "", "banana"), StopReason.END)
    with pytest.raises(BadUsage, match="the reply is complete"):
        listen(backend.reply(messages, options(stopping, begun=whole.begun)))


@pytest.mark.parametrize("effort", [ReasoningEffort.LOW, ReasoningEffort.MEDIUM])
def test_a_complete_reply_does_not_go_on(open_backend: OpenBackend, effort: ReasoningEffort) -> None:
    backend = open_backend()
    whole = listen(backend.reply(ASKED["a word"], options(effort=effort)))
    with pytest.raises(BadUsage) as caught:
        listen(backend.reply(ASKED["a word"], options(effort=effort, begun=whole.begun)))
    assert (caught.value.message, caught.value.cause) == ("the reply is complete", "the model has ended it")


def test_a_reply_that_a_stop_string_ended_goes_on_without_that_string(open_backend: OpenBackend) -> None:
    backend = open_backend()
    stopping = SamplingOptions(stop=("nan",))
    told = listen(backend.reply(ASKED["a word"], options(stopping)))
    assert (told.answer, told.ended and told.ended.reason) == ("ba", StopReason.STOP_STRING)
    with pytest.raises(BadUsage) as caught:
        listen(backend.reply(ASKED["a word"], options(stopping, begun=told.begun)))
    assert (caught.value.message, caught.value.cause) == ("the reply is complete", "it ended before a stop string")
    rest = listen(backend.reply(ASKED["a word"], options(begun=told.begun)), told)
    assert rest.answer == "banana"


@pytest.mark.parametrize(
    ("shown", "texts"),
    [
        (Message(Role.ASSISTANT, "ban", reasoning="The user wants the word banana."), ("", "", "ana")),
        (Message(Role.ASSISTANT, reasoning="The user wants the word"), (" banana.", "", "banana")),
        (Message(Role.ASSISTANT, "ban"), ("", "", "ana")),
        (Message(Role.ASSISTANT), ("The user wants the word banana.", "", "banana")),
    ],
)
def test_a_reply_of_another_model_goes_on_from_its_text(
    open_backend: OpenBackend, shown: Message, texts: tuple[str, str, str]
) -> None:
    backend = open_backend()
    rest = listen(backend.reply(ASKED["a word"], options(begun=BegunReply(shown))))
    assert (rest.texts, rest.ended and rest.ended.reason) == (texts, StopReason.END)


@pytest.mark.parametrize("unknown", [-1, 9_999_999, 2**63])
def test_tokens_that_the_model_lacks_are_as_if_none_were_known(open_backend: OpenBackend, unknown: int) -> None:
    backend = open_backend()
    shown = Message(Role.ASSISTANT, "ban", reasoning="The user wants the word banana.")
    begun = options(begun=BegunReply(shown, (11, unknown)))
    rest = listen(backend.reply(ASKED["a word"], begun))
    assert (rest.texts, rest.ended and rest.ended.reason) == (("", "", "ana"), StopReason.END)
    textual = options(begun=BegunReply(shown))
    assert backend.count_tokens(ASKED["a word"], begun) == backend.count_tokens(ASKED["a word"], textual)


def test_a_reply_that_waits_for_a_tool_is_complete(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = [user_message("What is the weather in Lisbon?")]
    whole = listen(backend.reply(messages, options(tools=(WEATHER,))))
    calls = tuple(ended.call for ended in whole.calls)
    assert calls
    for begun in (whole.begun, BegunReply(Message(Role.ASSISTANT, tool_calls=calls))):
        with pytest.raises(BadUsage, match="the reply is complete"):
            listen(backend.reply(messages, options(tools=(WEATHER,), begun=begun)))


def test_smollm2_goes_on_from_any_token(open_backend: OpenBackend, smollm2: Path) -> None:
    backend = open_backend(smollm2)
    messages = [user_message("Count from one to eight in words, then say a smiley 🙂.")]
    sampling = SamplingOptions(max_tokens=40, repeat_penalty=1.1)
    whole = listen(backend.reply(messages, options(sampling)))
    for tokens in range(1, len(whole.tokens), 5):
        told = break_off(backend, messages, options(sampling), tokens=tokens, is_late=True)
        rest = replace(sampling, max_tokens=40 - tokens)
        assert_the_same(listen(backend.reply(messages, options(rest, begun=told.begun)), told), whole)
