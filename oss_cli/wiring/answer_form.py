"""The form that an answer must have, as people ask for it: read and tried before a model is chosen."""

from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import BadUsage

if TYPE_CHECKING:
    from oss_cli.conversation.answer_form import AnswerForm

_MOST_BYTES = 4_000_000
"""Of a schema or a grammar: what no prompt has room for; a device that never ends is not read to its end."""


def read_answer_form(schema: str | None, grammar: str | None) -> "AnswerForm | None":
    """What `--schema` and `--grammar` ask for; None: neither is given.

    schema: JSON, the path of a file that holds it, or the short form. grammar: the path of a file in GBNF.

    Raises:
        BadUsage: both are given, a file cannot be read, or as `answer_form_of` says.
    """
    if schema is not None and grammar is not None:
        raise BadUsage("an answer has one form", cause="--schema and --grammar are both given")
    if schema is not None:
        return answer_form_of(schema_text(schema), None)
    return answer_form_of(None, grammar_text(grammar)) if grammar is not None else None


def answer_form_of(schema: str | None, grammar: str | None) -> "AnswerForm":
    """The form that one text describes: a schema, as JSON or in short, or a grammar in GBNF.

    Raises:
        BadUsage: it is no schema or grammar, it has a feature that is not supported, or no answer can have this form.
    """
    from oss_cli.conversation.answer_form import GrammarForm
    from oss_cli.grammar.form import read_schema, try_form

    form: AnswerForm = GrammarForm(grammar) if grammar is not None else read_schema(schema or "")
    try_form(form)
    return form


def schema_text(schema: str) -> str:
    """A schema as it is, or what the file says whose path it is.

    Raises:
        BadUsage: the file cannot be read.
    """
    return _read(schema) if _is_path(schema) else schema


def grammar_text(path: str) -> str:
    """What the file of a grammar says.

    Raises:
        BadUsage: it cannot be read, or none is named.
    """
    if not path:  # Path("") is the folder one is in
        raise BadUsage("no grammar is named", cause="--grammar takes the path of a file in GBNF")
    return _read(path)


def check_answer(form: "AnswerForm", answer: str) -> None:
    """Hold a whole answer against the form that was asked for.

    Raises:
        ReplyNotValid: it does not have it; says where.
    """
    from oss_cli.grammar import form as forms

    forms.check_answer(form, answer)


def _is_path(schema: str) -> bool:
    """Whether this names a file, there or not: a schema begins with a brace, and fields have blanks between them."""
    begun = schema.strip()
    if begun.startswith(("{", "[", '"')) or "\n" in begun or begun in ("true", "false"):
        return False
    if begun.lower().endswith(".json") or (begun and not set(begun) & set(" \t,") and set(begun) & set("/\\")):
        return True
    try:
        return Path(schema).is_file()
    except (OSError, ValueError):  # longer than a name may be, or with a zero byte in it
        return False


def _read(name: str) -> str:
    try:
        with Path(name).open("rb") as file:  # a pipe as well: --schema <(jq .schema api.json)
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # the second: a name with a zero byte in it
        raise BadUsage(f"{name} cannot be read", cause=getattr(error, "strerror", None) or str(error)) from error
    if len(data) > _MOST_BYTES:
        raise BadUsage(f"{name} cannot be read", cause=f"it is larger than {_MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadUsage(f"{name} cannot be read", cause=f"it is not UTF-8 text: byte {error.start:,}") from error
