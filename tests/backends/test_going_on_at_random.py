"""Random conversations whose replies are broken off at random, again and again: each ends as if it never had been."""

import random
from dataclasses import replace

import pytest

from oss_cli.conversation.events import StopReason
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions, SamplingOptions
from tests.backends.conftest import OpenBackend
from tests.backends.listening import Told, break_off, listen
from tests.backends.test_going_on import assert_the_same

QUESTIONS = [
    "Say the word banana.",
    "Say the word 🚀.",
    "Say the word <|end|>.",
    "Repeat after me: red fox in the snow",
    "Count to 12.",
    "Why is the sky blue?",
    "My name is Alice.",
    "What is my name?",
    "Hello!",
    "Answer in JSON: city Lisbon, number 42.",
]


def choose_options(rng: random.Random) -> ReplyOptions:
    """Any options at temperature 0."""
    sampling = SamplingOptions(
        temperature=0.0,
        repeat_penalty=rng.choice([1.0, 1.0, 1.1]),
        stop=rng.choice([(), (), ("test model", "an"), (", 7", "name")]),
        max_tokens=80,
    )
    return ReplyOptions(
        "2026-11-23",
        sampling,
        effort=rng.choice(list(ReasoningEffort)),
        goes_on=rng.random() < 0.8,
        reasoning_budget=rng.choice([None, None, 0, 3, 8]),
    )


@pytest.mark.parametrize("seed", range(20))
def test_any_reply_broken_off_anywhere_ends_as_if_it_never_had_been(open_backend: OpenBackend, seed: int) -> None:
    rng = random.Random(seed)
    steady, broken = open_backend(), open_backend()
    messages: list[Message] = []
    for _ in range(4):
        messages.append(user_message(rng.choice(QUESTIONS)))
        options = choose_options(rng)
        whole = listen(steady.reply(messages, options))
        told = Told()
        while (left := len(whole.tokens) - len(told.tokens)) > 0:
            size = rng.randrange(1, 15)
            again = replace(options, begun=told.begun if told.tokens else None)
            if rng.random() < 0.5 or size >= left:  # the last part comes to its end
                limited = replace(options.sampling, max_tokens=min(size, 80 - len(told.tokens)))
                listen(broken.reply(messages, replace(again, sampling=limited)), told)
            else:
                break_off(broken, messages, again, tokens=size, is_late=rng.random() < 0.5, earlier=told)
        assert whole.ended is not None
        if whole.ended.reason is StopReason.STOP_STRING:
            # At a limit of tokens the beginning of a stop string is told: it cannot be taken back afterwards.
            told.answer = told.answer[: len(whole.answer)]
        assert_the_same(told, whole)
        messages.append(Message(Role.ASSISTANT, whole.answer, reasoning=whole.reasoning))
