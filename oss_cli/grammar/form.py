"""The form of an answer: as a grammar before there is one, and held against it when it is there."""

import json
from collections.abc import Mapping
from typing import Any

from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.errors import BadUsage, ReplyNotValid
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.nodes import Node
from oss_cli.grammar.schema import compile_schema
from oss_cli.grammar.schema.short_form import read_short_form
from oss_cli.grammar.validation import check_schema, find_problem

_MOST_SHOWN = 80


def compile_form(form: AnswerForm) -> Node:
    """The grammar of the answers that have a form.

    Raises:
        BadUsage: the grammar cannot be read, the schema has a feature that is not supported, or no answer can be like
            this.
    """
    return read_gbnf(form.source) if isinstance(form, GrammarForm) else compile_schema(form.schema)


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
        raise BadUsage("the schema cannot be used", cause="it is nested too deep") from error
    except json.JSONDecodeError as error:
        cause = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BadUsage("the schema is not JSON", cause=cause) from error
    check_schema(schema)
    return _named(schema)


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


def _named(schema: Mapping[str, Any] | bool) -> SchemaForm:
    if isinstance(schema, bool):
        return SchemaForm(schema)
    name, description = (schema.get(key) for key in ("title", "description"))
    words = "_".join(name.split()) if isinstance(name, str) else ""
    return SchemaForm(schema, words or "answer", description if isinstance(description, str) else "")


def _shortened(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + "…"
