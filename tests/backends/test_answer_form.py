"""Answers held to a form on real models: valid, or said not to be; reasoning free before them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.conversation.events import StopReason
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.errors import BadUsage, ReplyNotValid
from oss_cli.grammar.form import check_answer, read_schema
from oss_cli.plan import LoadPlan
from oss_cli.prompts.template import TemplateFormat
from oss_cli.wiring import choose_format
from tests.backends.conftest import OpenBackend
from tests.backends.listening import Told, break_off, listen
from tests.backends.schemas import SCHEMAS
from tests.backends.test_going_on import WEATHER

BANANA = [user_message("Say the word banana.")]
YES_OR_NO = GrammarForm('root ::= "yes" | "no"')


@pytest.fixture(scope="module", params=["tiny gpt-oss", "SmolLM2"])
def backend(request: pytest.FixtureRequest, tiny_gpt_oss: Path, smollm2: Path) -> Iterator[LocalBackend]:
    engine = open_engine(LoadPlan(tiny_gpt_oss if request.param == "tiny gpt-oss" else smollm2, 1))
    yield LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions(temperature=0.0)))
    engine.close()


def options(form: AnswerForm | None, sampling: SamplingOptions | None = None, *, max_tokens: int = 80) -> ReplyOptions:
    limited = SamplingOptions(max_tokens=max_tokens, seed=5).over(sampling or SamplingOptions())
    return ReplyOptions("2026-11-23", limited, answer_form=form)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_fits_its_schema_or_is_said_not_to(backend: LocalBackend, name: str) -> None:
    question, schema = SCHEMAS[name]
    form = SchemaForm(schema)
    told = listen(backend.reply([user_message(question)], options(form)))
    assert told.ended is not None
    if told.ended.reason is StopReason.MAX_TOKENS or name == "no grammar can":
        assert_is_told_apart(form, told.answer)
    else:
        assert told.ended.reason is StopReason.END
        check_answer(form, told.answer)
        json.loads(told.answer)


def assert_is_told_apart(form: SchemaForm, answer: str) -> None:
    """Whatever came: it fits, or the check says no."""
    try:
        check_answer(form, answer)
    except ReplyNotValid as error:
        assert error.cause
    else:
        json.loads(answer)


@pytest.mark.parametrize(
    "sampling",
    [
        SamplingOptions(temperature=1.5, top_k=40),
        SamplingOptions(temperature=1.5, top_k=0),
        SamplingOptions(temperature=1.0, repeat_penalty=1.2),
    ],
    ids=["top-k", "all tokens", "penalty"],
)
def test_it_fits_however_it_is_sampled(backend: LocalBackend, sampling: SamplingOptions) -> None:
    question, schema = SCHEMAS["references"]
    told = listen(backend.reply([user_message(question)], options(SchemaForm(schema), sampling)))
    assert told.ended is not None and told.ended.reason is StopReason.END
    check_answer(SchemaForm(schema), told.answer)


def test_the_model_thinks_as_freely_as_without_a_form(open_backend: OpenBackend) -> None:
    bound, free = (listen(open_backend().reply(BANANA, options(form))) for form in (YES_OR_NO, None))
    assert bound.reasoning == free.reasoning == "The user wants the word banana."
    assert (bound.answer in ("yes", "no"), free.answer) == (True, "banana")


def test_a_form_that_fits_what_the_model_says_changes_no_token(open_backend: OpenBackend) -> None:
    asked = [user_message("Answer in JSON: city Lisbon, number 42.")]
    form = GrammarForm('root ::= "{" [^}]* "}"')  # a grammar is not told to the model
    bound, free = (listen(open_backend().reply(asked, options(one))) for one in (form, None))
    assert bound.answer == free.answer == '{"city":"Lisbon","n":42}'
    assert bound.tokens == free.tokens[:-1]  # the closing token is not waited for


def test_the_closing_token_comes_only_where_the_answer_may_end(open_backend: OpenBackend) -> None:
    told = listen(open_backend().reply(BANANA, options(GrammarForm('root ::= "banana" " banana"{2} [ab]*'))))
    assert told.answer == "banana banana banana"
    assert told.ended is not None and told.ended.reason is StopReason.END


def test_a_model_with_tools_answers_instead_of_calling_one(open_backend: OpenBackend) -> None:
    asked = [user_message("What is the weather in Lisbon?")]
    for form, calls in ((None, 1), (read_schema("city"), 0)):
        reply = ReplyOptions("2026-11-23", SamplingOptions(max_tokens=80), tools=(WEATHER,), answer_form=form)
        told = listen(open_backend().reply(asked, reply))
        assert len(told.calls) == calls
        assert told.preamble == ""


@pytest.mark.parametrize("budget", range(0, 12, 3))
def test_reasoning_that_used_up_its_budget_is_followed_by_a_fitting_answer(
    open_backend: OpenBackend, budget: int
) -> None:
    limited = SamplingOptions(max_tokens=60)
    reply = ReplyOptions("2026-11-23", limited, reasoning_budget=budget, answer_form=YES_OR_NO)
    told = listen(open_backend().reply([user_message("Tell a long story about a dragon.")], reply))
    assert told.answer in ("yes", "no")
    assert told.ended is not None
    assert (told.ended.reason, told.ended.usage.reasoning_tokens) == (StopReason.END, budget)


THINKS = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n<think>\n{# </think> #}"
)


def test_the_form_begins_after_the_closing_tag(open_backend: OpenBackend, smollm2: Path) -> None:
    def write(engine: LlamaEngine) -> TemplateFormat:
        return TemplateFormat(engine.model.vocabulary, THINKS)

    backend = open_backend(smollm2, write=write)
    reply = ReplyOptions("2026-11-23", SamplingOptions(max_tokens=40), reasoning_budget=6, answer_form=YES_OR_NO)
    told = listen(backend.reply([user_message("Is water wet?")], reply))
    assert told.answer in ("yes", "no")
    assert told.reasoning
    assert told.ended is not None and told.ended.reason is StopReason.END


@pytest.mark.parametrize("size", [3, 14, 22, 26, 30])
def test_a_reply_that_was_broken_off_goes_on_in_its_form(open_backend: OpenBackend, size: int) -> None:
    asked = [user_message("Answer in JSON: city Lisbon, number 42.")]
    form = read_schema("city, n int")
    backend = open_backend()
    whole = listen(backend.reply(asked, options(form)))
    part = break_off(backend, asked, options(form), tokens=size, is_late=True)
    reply = ReplyOptions("2026-11-23", SamplingOptions(max_tokens=80), answer_form=form, begun=part.begun)
    told = listen(backend.reply(asked, reply), part)
    assert (told.texts, told.tokens) == (whole.texts, whole.tokens)


def test_an_answer_that_is_cut_off_is_told_as_far_as_it_came(open_backend: OpenBackend) -> None:
    asked = [user_message("Answer in JSON: city Lisbon, number 42.")]
    told = listen(open_backend().reply(asked, options(read_schema("city, n int"), max_tokens=28)))
    assert told.ended is not None and told.ended.reason is StopReason.MAX_TOKENS
    assert told.answer.startswith('{"city":')
    with pytest.raises(ReplyNotValid):
        check_answer(read_schema("city, n int"), told.answer)


def test_a_form_that_no_answer_can_have_is_an_error_before_anything_is_asked(open_backend: OpenBackend) -> None:
    with pytest.raises(BadUsage, match="the schema cannot be used"):
        list(open_backend().reply(BANANA, options(SchemaForm({"type": "string", "not": {}}))))


def test_characters_in_several_tokens_are_put_together(open_backend: OpenBackend) -> None:
    told: Told = listen(open_backend().reply(BANANA, options(GrammarForm('root ::= [日本語]{3} "é" [😀-😂]'))))
    assert told.ended is not None and told.ended.reason is StopReason.END
    assert len(told.answer) == 5
    assert told.answer[3] == "é"
