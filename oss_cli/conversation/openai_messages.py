"""Messages and tools as OpenAI's chat completions have them. Knows nothing of where they stand.

Source: OpenAI's API reference, "Create chat completion" (2026-11); `reasoning` and `reasoning_content` are what vLLM
and others call the thoughts of an assistant.
"""

from collections.abc import Callable

from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
from oss_cli.conversation.option_json import UnsupportedFields, refuse_others

_NOTES = ("annotations", "parsed", "parsed_arguments", "index")
"""What OpenAI's client adds to what an assistant said, and sends back with it; the texts say all of it."""


def read_messages(body: Fields) -> tuple[Message, ...]:
    """The messages of a request; at least one.

    Raises:
        Unfit: one is not what it should be.
        UnsupportedFields: one holds what we cannot do.
    """
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
    reasoning = _read_reasoning(given) if is_assistant else ""
    message = Message(
        role,
        _read_content(given.take("content"), given.at("content"), may_be_missing=bool(calls)),
        reasoning,
        calls,
        given.text("tool_call_id", "") if is_tool else "",
        given.text_or_none("name") or "",
    )
    if is_assistant:
        _drop(given, *_NOTES)
    refuse_others(given)
    return message


def _read_reasoning(given: Fields) -> str:
    """What was thought; some send it under both names, so that every server finds one that it knows."""
    thoughts = (given.text_or_none("reasoning_content"), given.text_or_none("reasoning"))
    return next((text for text in thoughts if text), "")


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
    _drop(given, *_NOTES)
    _drop(function, *_NOTES)
    refuse_others(given, function)
    return call


def _drop(given: Fields, *names: str) -> None:
    for name in names:
        given.take(name)


def read_tool(value: object, place: str, read_strict: Callable[[Fields], None] | None = None) -> Tool:
    """A function that the model may call; raises as `read_messages`.

    read_strict: takes the field `strict`; None: it is refused.
    """
    given = Fields(value, place)
    if given.text("type", "function") != "function":
        raise UnsupportedFields([f"{place}.type other than function"])
    function = Fields(given.take("function"), given.at("function"))
    tool = read_function(function, read_strict)
    refuse_others(given)
    return tool


def read_function(function: Fields, read_strict: Callable[[Fields], None] | None = None) -> Tool:
    """The same, out of the fields that describe it."""
    parameters = function.take("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise Unfit(function.at("parameters"), "must be an object")
    tool = Tool(function.text("name"), function.text_or_none("description") or "", parameters)
    if read_strict is not None:
        read_strict(function)
    elif function.take("strict") not in (None, False):
        raise UnsupportedFields([function.at("strict")])
    refuse_others(function)
    return tool
