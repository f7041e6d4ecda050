"""The request of `/v1/responses`: what is asked, out of JSON. Knows nothing of answers.

Source: OpenAI's API reference, "Create a model response" (2026-11).
"""

from dataclasses import dataclass, replace
from typing import Any

from oss_cli.conversation.answer_form import SchemaForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, user_message
from oss_cli.conversation.openai_messages import read_function
from oss_cli.conversation.option_json import UnsupportedFields, refuse_others
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions
from oss_cli.server.request_fields import drop, read_chance_count, read_form, read_sampling, read_switch, refuse_unless
from oss_cli.server.tool_choice import OfferedTools

_WITHOUT_EFFECT = (
    "user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls",
    "max_tool_calls", "stream_options",
)  # fmt: skip
_ONLY_AS_IT_IS: dict[str, object] = {"background": False, "truncation": "disabled"}
_TEXT_PARTS = ("input_text", "output_text", "text")
_LOGPROBS = "message.output_text.logprobs"
_INCLUDED = (_LOGPROBS, "reasoning.encrypted_content")
"""The second is for those who keep reasoning away from their users: ours is open."""


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What a client asks for."""

    model: str | None
    messages: tuple[Message, ...]
    """Of this request alone, without instructions."""
    instructions: str
    previous_id: str | None
    options: ReplyOptions
    is_streamed: bool
    is_kept: bool
    echoes: dict[str, object]
    """What the answer repeats of the request."""

    @property
    def may_call(self) -> bool:
        """Whether tools are offered."""
        return bool(self.options.tools)


def read_response_request(value: dict[str, object], defaults: ReplyOptions) -> ResponseRequest:
    """A request out of its JSON.

    Raises:
        Unfit: a field is missing, or has a value that it cannot have.
        UnsupportedFields: something is asked for that we cannot do.
        BadUsage: a schema is none.
    """
    echoes = _echoes(value)
    body = Fields(value, "")
    drop(body, *_WITHOUT_EFFECT)
    refuse_unless(body, _ONLY_AS_IT_IS)
    offered = OfferedTools()
    tools = body.parts("tools", lambda one, place: _read_tool(one, place, offered)) if body.rest().get("tools") else ()
    drop(body, "tools", "metadata")
    options = replace(
        defaults,
        sampling=read_sampling(body, "max_output_tokens").over(defaults.sampling),
        effort=body.part("reasoning", _read_reasoning) or defaults.effort,
        answer_form=body.part("text", _read_text_form),
        goes_on=True,
        chances=_read_chances(body),
    )
    request = ResponseRequest(
        body.text_or_none("model"),
        _read_input(body),
        body.text_or_none("instructions") or "",
        body.text_or_none("previous_response_id"),
        offered.choose(options, tools, body.take("tool_choice")),
        read_switch(body, "stream"),
        read_switch(body, "store", default=True),
        echoes,
    )
    refuse_others(body)
    return request


def _echoes(value: dict[str, object]) -> dict[str, object]:
    """What an answer has to repeat."""
    usual: dict[str, Any] = {
        "instructions": None, "max_output_tokens": None, "metadata": {}, "previous_response_id": None,
        "temperature": None, "top_p": None, "tool_choice": "auto", "tools": [], "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
    }  # fmt: skip
    return {name: value.get(name) if value.get(name) is not None else usual[name] for name in usual}


def _read_reasoning(value: object, place: str) -> ReasoningEffort | None:
    given = Fields(value, place)
    drop(given, "summary", "generate_summary")  # reasoning is told in full
    effort = given.one_of("effort", ReasoningEffort)
    refuse_others(given)
    return effort


def _read_text_form(value: object, place: str) -> SchemaForm | None:
    given = Fields(value, place)
    drop(given, "verbosity")
    form = given.part("format", read_form)
    refuse_others(given)
    return form


def _read_chances(body: Fields) -> int | None:
    count = read_chance_count(body, "top_logprobs")
    included = body.take("include") or []
    if not isinstance(included, list) or any(one not in _INCLUDED for one in included):
        raise Unfit("include", f"can only be {' and '.join(_INCLUDED)}")
    return (count or 0) if count or _LOGPROBS in included else None


def _read_tool(value: object, place: str, offered: OfferedTools) -> Tool:
    given = Fields(value, place)
    if given.text("type") != "function":
        raise UnsupportedFields([f"{place}.type other than function"])
    return read_function(given, offered.read_strict)


def _read_input(body: Fields) -> tuple[Message, ...]:
    value = body.take("input")
    if isinstance(value, str):
        return (user_message(value),)
    if not isinstance(value, list) or not value:
        raise Unfit("input", "must be a text or a list of items")
    messages: list[Message] = []
    for number, item in enumerate(value):
        _add_item(messages, Fields(item, f"input[{number}]"))
    return tuple(messages)


def _add_item(messages: list[Message], item: Fields) -> None:
    """Take an item; what an assistant thought and called before it said something belongs to one message."""
    kind = item.text("type", "message")
    drop(item, "id", "status")
    match kind:
        case "message":
            message = _read_message(item)
        case "reasoning":
            message = Message(Role.ASSISTANT, reasoning=_read_thoughts(item))
        case "function_call":
            call = ToolCall(item.text("name"), item.text("arguments"), item.text("call_id"))
            drop(item, "namespace", "parsed_arguments")
            message = Message(Role.ASSISTANT, tool_calls=(call,))
        case "function_call_output":
            content = _read_content(item.take("output"), item.at("output"))
            message = Message(Role.TOOL, content, tool_call_id=item.text("call_id"))
        case _:
            raise UnsupportedFields([f"{item.at('type')} {kind}"])
    refuse_others(item)
    before = messages[-1] if messages else None
    if before is not None and before.role is message.role is Role.ASSISTANT and not before.content:
        messages[-1] = replace(
            before,
            content=message.content,
            reasoning=before.reasoning + message.reasoning,
            tool_calls=before.tool_calls + message.tool_calls,
        )
        return
    if before is not None and before.role is Role.ASSISTANT and message.tool_calls:  # said before the call
        messages[-1] = replace(before, tool_calls=before.tool_calls + message.tool_calls)
        return
    messages.append(message)


def _read_message(item: Fields) -> Message:
    role = item.one_of("role", Role)
    if role is None or role is Role.TOOL:
        raise Unfit(item.at("role"), "must be user, assistant, system or developer")
    drop(item, "phase")
    return Message(role, _read_content(item.take("content"), item.at("content")))


def _read_content(value: object, place: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise Unfit(place, "is missing" if value is None else "must be a text or a list of parts")
    return "".join(_read_part(part, f"{place}[{number}]") for number, part in enumerate(value))


def _read_part(value: object, place: str) -> str:
    part = Fields(value, place)
    kind = part.text("type")
    if kind not in _TEXT_PARTS:
        raise UnsupportedFields([f"{place}.type {kind}"])
    drop(part, "annotations", "logprobs", "parsed")
    text = part.text("text")
    refuse_others(part)
    return text


def _read_thoughts(item: Fields) -> str:
    """What was thought: in full where it is there, else its summary."""
    thoughts = [Fields(part, item.at("content")).text("text") for part in _as_list(item.take("content"))]
    summary = [Fields(part, item.at("summary")).text("text") for part in _as_list(item.take("summary"))]
    drop(item, "encrypted_content")
    return "".join(thoughts) or "\n\n".join(summary)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
