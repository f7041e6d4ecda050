"""Tokens that a form leaves no choice in are not asked of the model: the reply is the same, sooner, and as limited.

Where the chances of tokens are wanted, the model is asked for every token: that is how replies are compared here.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.backends.reply_guards import ReplyGuards
from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.conversation.events import StopReason, TextDelta, TokensSampled
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.errors import EngineFailed
from oss_cli.plan import LoadPlan
from oss_cli.prompts.base import RenderOptions
from oss_cli.wiring import choose_format
from tests.backends.listening import listen

PEOPLE = [user_message("List two people with their names and ages.")]
LIST = SchemaForm(
    {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "type": "object",
            "properties": {"person_name": {"type": "string", "maxLength": 12}, "age_in_years": {"enum": [20, 35, 50]}},
            "required": ["person_name", "age_in_years"],
        },
    }
)


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[LlamaEngine]:
    engine = open_engine(LoadPlan(smollm2, threads=1))
    yield engine
    engine.close()


@pytest.fixture
def backend(engine: LlamaEngine) -> LocalBackend:
    """One whose prompt is in the cache, so that it is rounded alike in all replies."""
    backend = LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions(temperature=0.0)))
    listen(backend.reply(PEOPLE, options(LIST, max_tokens=1)))
    return backend


def options(form: AnswerForm, *, max_tokens: int = 90, stop: Sequence[str] = ()) -> ReplyOptions:
    sampling = SamplingOptions(max_tokens=max_tokens, seed=3, stop=tuple(stop))
    return ReplyOptions("2026-11-25", sampling, answer_form=form)


def with_chances(asked: ReplyOptions) -> ReplyOptions:
    return replace(asked, chances=0)


def test_the_reply_is_the_one_in_which_the_model_is_asked_for_each_token(backend: LocalBackend) -> None:
    led, asked = (listen(backend.reply(PEOPLE, one)) for one in (options(LIST), with_chances(options(LIST))))
    assert (led.answer, led.tokens) == (asked.answer, asked.tokens)
    assert [list(person) for person in json.loads(led.answer)] == [["person_name", "age_in_years"]] * 2
    assert led.ended is not None and asked.ended is not None
    assert led.ended.usage.reply_tokens == asked.ended.usage.reply_tokens == len(led.tokens)
    assert led.ended.reason is StopReason.END


@pytest.mark.parametrize(
    ("said", "certain"),
    [('[{"', ["person", "_", "name"]), ('[{"person', ["_", "name"]), ('[{"person_name', []), ("[{", []), ("", [])],
)
def test_what_is_certain_follows_at_once(engine: LlamaEngine, said: str, certain: list[str]) -> None:
    written = choose_format(engine.model)
    guard = ReplyGuards(written, engine.tokens).guard(
        written.render(PEOPLE, RenderOptions("2026-11-25")), options(LIST)
    )
    for token in engine.tokens.tokenize(said, parse_special=False):
        guard.take(token)
    assert [engine.tokens.piece(token).decode() for token in guard.certain_tokens()] == certain


def test_each_token_has_a_chance_where_they_are_wanted(backend: LocalBackend) -> None:
    events = list(backend.reply(PEOPLE, with_chances(options(LIST))))
    sampled = [event for event in events if isinstance(event, TokensSampled)]
    assert len(sampled) > 30
    assert all(len(event.chances) == 1 for event in sampled)


def test_a_token_that_is_banned_is_written_in_others(engine: LlamaEngine, backend: LocalBackend) -> None:
    whole = listen(backend.reply(PEOPLE, options(LIST)))
    (person,) = engine.tokens.tokenize("person", parse_special=False)
    asked = options(LIST)
    banned = replace(asked, sampling=replace(asked.sampling, logit_bias={person: -1e9}))
    told = listen(backend.reply(PEOPLE, banned))
    assert person in whole.tokens
    assert person not in told.tokens
    assert [list(one) for one in json.loads(told.answer)] == [["person_name", "age_in_years"]] * 2


def test_a_reply_is_cut_off_at_any_token(backend: LocalBackend) -> None:
    whole = listen(backend.reply(PEOPLE, options(LIST)))
    for size in range(1, 26):
        cut = listen(backend.reply(PEOPLE, options(LIST, max_tokens=size)))
        assert cut.tokens == whole.tokens[:size]
        assert whole.answer.startswith(cut.answer)
        assert cut.ended is not None
        assert (cut.ended.reason, cut.ended.usage.reply_tokens) == (StopReason.MAX_TOKENS, size)


@pytest.mark.parametrize("stop", ["_name", "in", '"age_in_'])
def test_a_stop_string_ends_the_reply_within_certain_tokens(backend: LocalBackend, stop: str) -> None:
    whole = listen(backend.reply(PEOPLE, options(LIST)))
    told = listen(backend.reply(PEOPLE, options(LIST, stop=[stop])))
    assert told.answer == whole.answer.split(stop)[0]
    assert told.ended is not None and told.ended.reason is StopReason.STOP_STRING


def test_certain_text_is_told_token_by_token(backend: LocalBackend) -> None:
    sentence = "The quick brown fox jumps over the lazy dog"
    events = list(backend.reply(PEOPLE, options(GrammarForm(f'root ::= "{sentence}" [.!]'))))
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(texts)[:-1] == sentence
    assert len(texts) > 8
    told = listen(events)
    written = backend.count_text_tokens(told.answer)
    assert len(told.tokens) == written


def test_a_form_of_one_text_alone_ends_with_it(backend: LocalBackend) -> None:
    told = listen(backend.reply(PEOPLE, options(GrammarForm('root ::= "no choice at all"'))))
    assert told.answer == "no choice at all"
    assert told.ended is not None and told.ended.reason is StopReason.END


@pytest.mark.parametrize("size", range(1, 20, 3))
def test_a_reply_that_was_broken_off_among_certain_tokens_goes_on(backend: LocalBackend, size: int) -> None:
    form = GrammarForm('root ::= "{\\"largest_known_temperature_celsius\\":" [0-9]{2} ",\\"unit_of_measurement\\":1}"')
    whole = listen(backend.reply(PEOPLE, options(form)))
    part = listen(backend.reply(PEOPLE, options(form, max_tokens=size)))
    told = listen(backend.reply(PEOPLE, replace(options(form), begun=part.begun)), part)
    assert (told.answer, told.tokens) == (whole.answer, whole.tokens)


def test_a_model_can_be_closed_while_its_vocabulary_is_read(smollm2: Path) -> None:
    engine = open_engine(LoadPlan(smollm2, threads=1))
    backend = LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions(temperature=0.0)))
    with closing(backend.reply(PEOPLE, options(LIST))) as events:
        next(events)
        backend.close()
    with pytest.raises(EngineFailed, match="the model is unloaded"):
        listen(backend.reply(PEOPLE, options(LIST)))
