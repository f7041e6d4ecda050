"""A request as OpenAI's batch files have it: `{"custom_id", "method", "url", "body"}`, the body a chat completion's.

What we cannot do is refused by name, never left out silently. Knows nothing of files.

Source: OpenAI's API reference, "The request input object" of batches and "Create chat completion" (2026-11).
"""

from oss_cli.batch.requests import Request
from oss_cli.batch.short_form import read_form
from oss_cli.conversation.answer_form import AnswerForm, SchemaForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.openai_messages import read_messages, read_tool
from oss_cli.conversation.option_json import UnsupportedFields, read_option, refuse_others
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions

ENVELOPE = ("custom_id", "method", "url", "body")
"""The fields by any of which a line is known to be in this form."""

_URL = "/v1/chat/completions"
_WITHOUT_EFFECT = ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
"""Notes for OpenAI's own books: no answer depends on them."""
_ONLY_AS_IT_IS: dict[str, object] = {
    "n": 1,
    "stream": False,
    "logprobs": False,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "modalities": ["text"],
}
"""Fields that may say what would happen anyway, and nothing else."""
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed", "stop", "logit_bias")
"""OpenAI's own, and the three that llama.cpp's and other servers take beside them."""


def read_openai(given: Fields) -> Request:
    """A request out of its fields, the id taken already.

    Raises:
        Unfit: one is missing, or has a value that it cannot have.
        UnsupportedFields: there are others.
    """
    if given.text("method", "POST") != "POST":
        raise Unfit("method", "must be POST")
    if given.text("url", _URL) != _URL:
        raise Unfit("url", f"must be {_URL}")
    body = Fields(given.take("body"), "body")
    for name in _WITHOUT_EFFECT:
        body.take(name)
    unsupported = [
        body.at(name) for name, value in _ONLY_AS_IT_IS.items() if body.take(name, value) not in (value, None)
    ]
    request = Request(
        read_messages(body),
        _read_sampling(body),
        body.one_of("reasoning_effort", ReasoningEffort),
        body.parts("tools", read_tool) if body.rest().get("tools") is not None else (),
        body.text_or_none("model"),
        body.part("response_format", _read_response_format),
    )
    try:
        refuse_others(given, body)
    except UnsupportedFields as error:
        raise UnsupportedFields([*unsupported, *error.names]) from error
    if unsupported:
        raise UnsupportedFields(unsupported)
    return request


def _read_sampling(body: Fields) -> SamplingOptions:
    options = SamplingOptions()
    for name in _SAMPLING:
        options = read_option(options, name, body.take(name), body.at(name))
    for name in ("max_tokens", "max_completion_tokens"):  # the second is the newer name, and wins
        options = read_option(options, "max_tokens", body.take(name), body.at(name))
    return options


def _read_response_format(value: object, place: str) -> AnswerForm | None:
    """What the answer must be like; `strict` changes nothing, because it always holds."""
    given = Fields(value, place)
    kind = given.text("type")
    form: AnswerForm | None = None
    if kind == "json_object":
        form = SchemaForm({"type": "object"})
    elif kind == "json_schema":
        inside = Fields(given.take("json_schema"), given.at("json_schema"))
        name, about, schema = inside.text("name", ""), inside.text_or_none("description"), inside.take("schema")
        inside.take("strict")
        form = read_form(True if schema is None else schema, inside.at("schema"), name=name, description=about or "")
        refuse_others(inside)
    elif kind != "text":
        raise UnsupportedFields([f"{given.at('type')} other than text, json_object and json_schema"])
    refuse_others(given)
    return form
