"""Everything at once: guesses, states on disk, forms, stop strings, budgets, chances, conversations, breaks. At
temperature 0 each reply is that of a model that was just loaded and has none of it.

What was read in other groups of tokens is rounded otherwise: 0.13 in the logarithms of chances, in this model. Forms
force it to choose among what it would never say, so that a token may be another where two are as close as that.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.conversation.events import TokensSampled
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import open_engine
from oss_cli.engine.llama.kept_states import StateKeeping
from oss_cli.plan import KvType, LoadPlan
from oss_cli.states.folder import StateFolder
from oss_cli.wiring import choose_format
from tests.backends.listening import Told, break_off, listen

EVERY = 2000
"""More tokens than the model has."""
ROUNDED = 0.3
TEXT = "Say the word banana. Repeat after me: red fox in the snow. Count to 12. My name is Alice. "
QUESTIONS = ("Say the word banana.", "Repeat after me: red fox in the snow", "Count to 12.", "What is my name?", TEXT)
OBJECT = SchemaForm({"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
                     "required": ["city", "n"], "additionalProperties": False})  # fmt: skip
FORMS = (None, None, OBJECT, GrammarForm('root ::= ("red " | "fox ")+ "end"'))


def options_of(
    sampling: SamplingOptions, form: AnswerForm | None, budget: int | None, chances: int | None
) -> ReplyOptions:
    stops = sampling.stop if form is None else ()  # the command line takes one of both
    return ReplyOptions(
        "2026-11-23", replace(sampling, stop=stops), answer_form=form, reasoning_budget=budget, chances=chances,
    )  # fmt: skip


SAMPLING = some.builds(
    SamplingOptions,
    temperature=some.just(0.0),
    seed=some.sampled_from((None, 7)),
    max_tokens=some.sampled_from((1, 20, 60)),
    stop=some.sampled_from(((), ("banana",), (" fox", ", 7"))),
)
OPTIONS = some.builds(
    options_of, SAMPLING, some.sampled_from(FORMS), some.sampled_from((None, None, 0, 4)), some.sampled_from((None, 3))
)
STEP = some.tuples(
    some.sampled_from(("", "one", "two")),  # the conversation; empty: a question by itself
    some.sampled_from(QUESTIONS),
    OPTIONS,
    some.sampled_from((None, None, 3, 12)),  # at which token the reply is broken off
    some.sampled_from((False, False, True)),  # whether the program ends after it, and starts again
)


def first_difference(told: Told, wanted: Told) -> int | None:
    """Where the tokens of two replies part; None: nowhere, as far as both go."""
    pairs = enumerate(zip(told.tokens, wanted.tokens, strict=False))
    return next((place for place, (one, other) in pairs if one != other), None)


def is_close_call(
    path: Path, kv_type: KvType, asked: tuple[list[Message], ReplyOptions], token: int, place: int
) -> bool:
    """Whether a token was as likely at a place of a fresh reply as the one that came there, but for rounding."""
    messages, options = asked
    with closing(open_plain(path, kv_type)) as plain:
        events = list(plain.reply(messages, replace(options, chances=EVERY)))
        (chance,) = [event for event in events if isinstance(event, TokensSampled)][place].chances
        with closing(open_engine(LoadPlan(path, 1))) as engine:
            piece = engine.tokens.piece(token)
    return abs(dict(chance.likeliest)[piece] - chance.logprob) < ROUNDED


def open_plain(path: Path, kv_type: KvType) -> LocalBackend:
    engine = open_engine(LoadPlan(path, 1, kv_type=kv_type))
    return LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions(temperature=0.0)))


def open_with_all(path: Path, kv_type: KvType, folder: Path) -> LocalBackend:
    plan = LoadPlan(path, 1, kv_type=kv_type, guessed_tokens=16, weighs_guesses=False)
    states = StateKeeping(StateFolder(folder, most_bytes=10**9), "tiny", lambda text: None)
    engine = open_engine(plan, states=states)
    model = LocalModel("m", SamplingOptions(temperature=0.0), always_guesses=True)
    return LocalBackend(engine, choose_format(engine.model), model)


@pytest.mark.slow
@pytest.mark.parametrize("kv_type", [KvType.F16, KvType.Q8_0])
def test_no_reply_shows_what_came_before_it(tiny_gpt_oss: Path, kv_type: KvType) -> None:
    seen = {"replies": 0, "close calls": 0, "reused": 0, "accepted": 0}

    def compare(told: Told, wanted: Told, messages: list[Message], options: ReplyOptions) -> bool:
        """Whether the tokens are the same; those that are not must be a close call."""
        place = first_difference(told, wanted)
        if place is None:
            return True
        assert is_close_call(tiny_gpt_oss, kv_type, (messages, options), told.tokens[place], place)
        seen["close calls"] += 1
        return False

    @settings(max_examples=25, phases=(Phase.generate,))  # to shrink takes minutes
    @given(some.lists(STEP, min_size=1, max_size=6))
    def check(steps: list[tuple[str, str, ReplyOptions, int | None, bool]]) -> None:
        talks: dict[str, list[Message]] = {"one": [user_message(TEXT * 4)], "two": [user_message(TEXT * 5)]}
        with TemporaryDirectory() as folder:
            backend = open_with_all(tiny_gpt_oss, kv_type, Path(folder))
            try:
                for name, question, options, breaks_at, ends in steps:
                    messages = [*talks.get(name, ()), user_message(question)]
                    asked = replace(options, goes_on=bool(name), conversation=name, recurring="" if name else question)
                    with closing(open_plain(tiny_gpt_oss, kv_type)) as plain:
                        wanted = listen(plain.reply(messages, options))
                    if breaks_at is not None and breaks_at < len(wanted.tokens):
                        told = break_off(backend, messages, asked, tokens=breaks_at, is_late=True)
                        compare(told, wanted, messages, options)
                    told = listen(backend.reply(messages, asked))
                    if compare(told, wanted, messages, options):
                        assert told.texts == wanted.texts
                        assert told.ended is not None and wanted.ended is not None
                        assert told.ended.reason is wanted.ended.reason
                        assert told.ended.usage.reasoning_tokens == wanted.ended.usage.reasoning_tokens
                    assert told.ended is not None
                    seen["replies"] += 1
                    seen["reused"] += told.ended.usage.reused_tokens
                    seen["accepted"] += told.ended.usage.accepted_tokens
                    if name:
                        talks[name] = [*messages, Message(Role.ASSISTANT, told.answer)]
                    if ends:
                        backend.close()
                        backend = open_with_all(tiny_gpt_oss, kv_type, Path(folder))
            finally:
                backend.close()

    check()
    assert seen["reused"] > 0 and seen["accepted"] > 0
    assert seen["close calls"] < seen["replies"] / 10
