"""The short form of a request: `{"id", "prompt", "system", "effort", "options", "schema"}`. Knows nothing of files."""

from oss_cli.batch.requests import Request
from oss_cli.conversation.answer_form import AnswerForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import system_message, user_message
from oss_cli.conversation.option_json import read_option, refuse_others
from oss_cli.conversation.option_text import OPTION_RULES
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.errors import BadUsage
from oss_cli.grammar.form import form_of_schema, read_schema, try_form


def read_short(given: Fields) -> Request:
    """A request out of its fields, the id taken already.

    Raises:
        Unfit: one is missing, or has a value that it cannot have.
        UnsupportedFields: there are others.
    """
    prompt, system = given.text("prompt"), given.text_or_none("system")
    request = Request(
        (*((system_message(system),) if system else ()), user_message(prompt)),
        given.part("options", _read_options) or SamplingOptions(),
        given.one_of("effort", ReasoningEffort),
        form=given.part("schema", read_form),
    )
    refuse_others(given)
    return request


def read_form(value: object, place: str, *, name: str = "", description: str = "") -> AnswerForm:
    """The form of answers that fit a schema: JSON Schema, or a text with fields in short.

    Raises:
        Unfit: it is none, or answers cannot be held to it.
    """
    try:
        is_text = isinstance(value, str)
        form = read_schema(str(value)) if is_text else form_of_schema(value, name=name, description=description)
        try_form(form)
    except BadUsage as error:
        raise Unfit(place, f"{error.message}: {'; '.join(error.cause.splitlines())}") from error
    return form


def _read_options(value: object, place: str) -> SamplingOptions:
    given = Fields(value, place)
    options = SamplingOptions()
    for name in OPTION_RULES:
        options = read_option(options, name, given.take(name), given.at(name))
    refuse_others(given)
    return options
