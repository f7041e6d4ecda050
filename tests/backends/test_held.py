"""A model that another process keeps in memory answers as one in this process does: event by event, error by error."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli import wiring
from oss_cli.backends.base import Backend
from oss_cli.backends.held import HeldBackend
from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.conversation.events import Event, PrefillProgress, TokensSampled, TurnEnded
from oss_cli.conversation.messages import Message, Role, Tool, system_message, user_message
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.errors import EngineFailed, OssError
from oss_cli.settings import Settings

GREEDY = ReplyOptions("2026-11-24", SamplingOptions(temperature=0.0, seed=1, max_tokens=60))
BANANA = [user_message("Say the word banana.")]
WEATHER = Tool("get_weather", "The weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}})


@pytest.fixture(scope="module")
def home(tiny_gpt_oss: Path) -> Iterator[str]:
    """A home where the tiny model is kept in memory."""
    with tempfile.TemporaryDirectory(prefix="oss-") as home:
        world = {**os.environ, "OSS_HOME": home, "HF_HOME": home, "OSS_THREADS": "1", "OSS_SPECULATION": "off"}
        command = [sys.executable, "-m", "oss_cli"]
        subprocess.run([*command, "load", str(tiny_gpt_oss)], env=world, check=True)
        yield home
        subprocess.run([*command, "stop"], env=world, check=True)


@pytest.fixture
def backends(home: str, tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[HeldBackend, Backend]]:
    """The model that is kept, and the same one in this process."""
    monkeypatch.setenv("OSS_HOME", home)
    settings, choice = wiring.load_settings(Settings()), wiring.choose_model(str(tiny_gpt_oss))
    listener = wiring.Listener()
    with (
        closing(wiring.open_model(choice, settings, listener, is_one_shot=True)) as held,
        closing(wiring.open_model(choice, replace(settings, keep_alive=0), listener, is_one_shot=True)) as here,
    ):
        assert isinstance(held, HeldBackend)
        yield held, here


def events_of(backend: Backend, messages: Sequence[Message], options: ReplyOptions) -> list[Event | tuple[object, ...]]:
    """What comes, without times and what the cache had; an error with its words in the end."""
    told: list[Event | tuple[object, ...]] = []
    try:
        for event in backend.reply(messages, options):
            if isinstance(event, TurnEnded):
                usage = replace(event.usage, reused_tokens=0, prefill_s=0.0, decode_s=0.0, first_token_s=0.0)
                told.append(replace(event, usage=usage))
            elif not isinstance(event, PrefillProgress):
                told.append(event)
    except OssError as error:
        told.append((type(error), error.message, error.cause, error.hint))
    return told


REQUESTS: dict[str, tuple[Sequence[Message], ReplyOptions]] = {
    "plainly": (BANANA, GREEDY),
    "by chance": (BANANA, replace(GREEDY, sampling=SamplingOptions(temperature=1.5, seed=11, max_tokens=50))),
    "with much effort": (BANANA, replace(GREEDY, effort=ReasoningEffort.HIGH)),
    "on another day": ([system_message("Be brief."), *BANANA], replace(GREEDY, date="1999-12-31")),
    "with few thoughts": (BANANA, replace(GREEDY, effort=ReasoningEffort.HIGH, reasoning_budget=2)),
    "until a text": (BANANA, replace(GREEDY, sampling=replace(GREEDY.sampling, stop=("nan",)))),
    "with a tool": ([user_message("What is the weather in Paris?")], replace(GREEDY, tools=(WEATHER,))),
    "in a form": (BANANA, replace(GREEDY, answer_form=SchemaForm({"type": "integer"}))),
    "in a grammar": (BANANA, replace(GREEDY, answer_form=GrammarForm('root ::= "yes" | "no"'))),
    "with a grammar that is none": (BANANA, replace(GREEDY, answer_form=GrammarForm("root ::= nothing"))),
    "to nothing": ([user_message(" ")], GREEDY),
    "to too much": ([user_message("word " * 140_000)], GREEDY),
    "as what was cut off": (BANANA, replace(GREEDY, begun=BegunReply(Message(Role.ASSISTANT, "ban")))),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_it_answers_alike(backends: tuple[HeldBackend, Backend], name: str) -> None:
    held, here = backends
    messages, options = REQUESTS[name]
    expected = events_of(here, messages, options)
    assert expected
    assert events_of(held, messages, options) == expected


def test_a_reply_goes_on_from_its_very_last_token(backends: tuple[HeldBackend, Backend]) -> None:
    held, here = backends
    options = replace(GREEDY, effort=ReasoningEffort.HIGH)
    whole = [
        token for event in here.reply(BANANA, options) if isinstance(event, TokensSampled) for token in event.tokens
    ]
    for cut in (1, 7, len(whole) - 1):
        begun = replace(options, begun=BegunReply(Message(Role.ASSISTANT), tuple(whole[:cut])))
        assert events_of(held, BANANA, begun) == events_of(here, BANANA, begun)


def test_it_counts_alike_and_says_the_same_of_itself(backends: tuple[HeldBackend, Backend]) -> None:
    held, here = backends
    for text in ("", "word", "\ud83d ünï", "long " * 5000):
        assert held.count_text_tokens(text) == here.count_text_tokens(text)
    assert held.count_tokens(BANANA, GREEDY) == here.count_tokens(BANANA, GREEDY)
    with pytest.raises(OssError) as caught:
        held.count_tokens([], GREEDY)
    with pytest.raises(OssError) as expected:
        here.count_tokens([], GREEDY)
    assert (type(caught.value), str(caught.value)) == (type(expected.value), str(expected.value))
    for name in ("name", "sha256", "is_plain", "sampling", "context_tokens"):
        assert getattr(held, name) == getattr(here, name)


def test_closed_it_answers_nothing_and_the_model_stays(backends: tuple[HeldBackend, Backend]) -> None:
    held, _ = backends
    held.close()
    held.close()
    for ask in (
        lambda: held.context_tokens,
        lambda: held.count_text_tokens("a"),
        lambda: next(held.reply(BANANA, GREEDY)),
    ):
        with pytest.raises(EngineFailed, match="the model is unloaded"):
            ask()
    assert [one.status is not None for one in wiring.held_models()] == [True]
