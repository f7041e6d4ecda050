"""A request as OpenAI's batch files have it: `{"custom_id", "method", "url", "body"}`, the body a chat completion's.

What we cannot do is refused by name, never left out silently. Knows nothing of files.

Source: OpenAI's API reference, "The request input object" of batches and "Create chat completion" (2026-11).
"""

from oss_cli.batch.requests import Request
from oss_cli.batch.short_form import UnsupportedFields, read_form, read_option, refuse_others
from oss_cli.conversation.answer_form import AnswerForm, SchemaForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
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
        _read_messages(body),
        _read_sampling(body),
        body.one_of("reasoning_effort", ReasoningEffort),
        body.parts("tools", _read_tool) if body.rest().get("tools") is not None else (),
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


def _read_messages(body: Fields) -> tuple[Message, ...]:
    messages = body.parts("messages", _read_message)
    if not messages:
        raise Unfit(body.at("messages"), "is missing")
    return messages


def _read_message(value: object, place: str) -> Message:
    given = Fields(value, place)
    role = given.one_of("role", Role)
    if role is None:
        raise Unfit(given.at("role"), "is missing")
    is_assistant, is_tool = role is Role.ASSISTANT, role is Role.TOOL
    calls = given.parts("tool_calls", _read_call) if is_assistant and given.rest().get("tool_calls") else ()
    reasoning = (given.text_or_none("reasoning_content") or given.text_or_none("reasoning")) if is_assistant else None
    message = Message(
        role,
        _read_content(given.take("content"), given.at("content"), may_be_missing=bool(calls)),
        reasoning or "",
        calls,
        given.text("tool_call_id", "") if is_tool else "",
        given.text("name", "") if is_tool else "",
    )
    refuse_others(given)
    return message


def _read_content(value: object, place: str, *, may_be_missing: bool) -> str:
    """A message's text: as it is, or in parts, which are put together."""
    if isinstance(value, str) or (value is None and may_be_missing):
        return value or ""
    if not isinstance(value, list):
        raise Unfit(place, "is missing" if value is None else "must be a text or a list of parts")
    return "".join(_read_part(part, f"{place}[{number}]") for number, part in enumerate(value))


def _read_part(value: object, place: str) -> str:
    part = Fields(value, place)
    if part.text("type") != "text":
        raise UnsupportedFields([f"{place}.type other than text"])
    text = part.text("text")
    refuse_others(part)
    return text


def _read_call(value: object, place: str) -> ToolCall:
    given = Fields(value, place)
    if given.text("type", "function") != "function":
        raise UnsupportedFields([f"{place}.type other than function"])
    function = Fields(given.take("function"), given.at("function"))
    call = ToolCall(function.text("name"), function.text("arguments"), given.text("id", ""))
    refuse_others(given, function)
    return call


def _read_tool(value: object, place: str) -> Tool:
    given = Fields(value, place)
    if given.text("type", "function") != "function":
        raise UnsupportedFields([f"{place}.type other than function"])
    function = Fields(given.take("function"), given.at("function"))
    parameters = function.take("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise Unfit(function.at("parameters"), "must be an object")
    tool = Tool(function.text("name"), function.text_or_none("description") or "", parameters)
    if function.take("strict") not in (None, False):
        raise UnsupportedFields([function.at("strict")])
    refuse_others(given, function)
    return tool
