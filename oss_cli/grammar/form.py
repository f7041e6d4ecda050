"""The form of an answer: as a grammar before there is one, and held against it when it is there."""

import json
from collections.abc import Mapping
from typing import Any

from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.errors import BadUsage, ReplyNotValid
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.nodes import Node
from oss_cli.grammar.schema import KEYWORDS, compile_schema
from oss_cli.grammar.schema.problem import too_deep_to_read
from oss_cli.grammar.schema.short_form import read_short_form
from oss_cli.grammar.validation import check_schema, find_problem

_MOST_SHOWN = 80


def compile_form(form: AnswerForm) -> Node:
    """The grammar of the answers that have a form.

    Raises:
        BadUsage: the grammar cannot be read, the schema has a feature that is not supported, or no answer can be like
            this.
    """
    try:
        return read_gbnf(form.source) if isinstance(form, GrammarForm) else compile_schema(form.schema)
    except RecursionError as error:  # a value hundreds of levels deep in an enum
        raise too_deep_to_read("form of the answer") from error


def try_form(form: AnswerForm) -> None:
    """Make sure that answers can be held to a form, before anything is loaded for them.

    Raises:
        BadUsage: as `compile_form` says.
    """
    Automaton(compile_form(form))


def read_schema(source: str) -> SchemaForm:
    """A schema written as JSON or in short.

    Raises:
        BadUsage: it is neither, or not what JSON Schema allows.
    """
    begun = source.strip()
    if not begun.startswith(("{", "[", '"')) and begun not in ("true", "false"):
        return SchemaForm(read_short_form(source))
    try:
        schema = json.loads(source)
    except RecursionError as error:
        raise too_deep_to_read() from error
    except json.JSONDecodeError as error:
        cause = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadUsage("the schema is not JSON", cause=cause) from error
    except ValueError as error:
        raise _bad_number() from error
    return form_of_schema(schema)


def form_of_schema(schema: object, *, name: str = "", description: str = "") -> SchemaForm:
    """The form of what came out of JSON as a schema. name, description: what the model is told, else the schema's own.

    Raises:
        BadUsage: it is not what JSON Schema allows, or asks for nothing.
    """
    try:
        json.dumps(schema, allow_nan=False)
    except RecursionError as error:
        raise too_deep_to_read() from error
    except ValueError as error:  # 1e999 is read as infinity
        raise _bad_number() from error
    check_schema(schema)
    assert isinstance(schema, (Mapping, bool))
    _refuse_no_keywords(schema)
    titled = {"title": name, "description": description}
    own = {key: schema.get(key) for key in titled} if isinstance(schema, Mapping) else {}
    words = {key: value or own.get(key) for key, value in titled.items()}
    title, about = (value if isinstance(value, str) else "" for value in words.values())
    return SchemaForm(schema, "_".join(title.split()) or "answer", about)


def check_answer(form: AnswerForm, answer: str) -> None:
    """Hold a whole answer against its form.

    Raises:
        ReplyNotValid: it does not have it; says where.
    """
    if isinstance(form, SchemaForm):
        problem = find_problem(form.schema, answer)
    else:
        fits = Automaton(compile_form(form)).accepts(answer.encode("utf-8", "surrogatepass"))
        problem = "" if fits else f"it is {_shortened(answer)}"
    if problem:
        what = "schema" if isinstance(form, SchemaForm) else "grammar"
        raise ReplyNotValid(f"the answer does not fit the {what}", cause=problem)


def _bad_number() -> BadUsage:
    return BadUsage("the schema cannot be used", cause="a number in it is too large, or none")


def _refuse_no_keywords(schema: Mapping[str, Any] | bool) -> None:
    """JSON Schema passes over what it does not know, so that `{"name": "str"}` would ask for nothing at all."""
    if isinstance(schema, bool) or not schema or any(key in KEYWORDS for key in schema):
        return
    raise BadUsage(
        "the schema asks for nothing",
        cause=f"{next(iter(schema))!r} is no keyword of JSON Schema",
        hint="--schema 'name str, age int', or {\"properties\": {…}}",
    )


def _shortened(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + "…"
