"""A request for a reply, its events and its error as JSON values that lose nothing, and back: between two of our own
processes of the same version. Knows nothing of how they travel.

What `json_form.py` keeps on disk and `reply_json.py` shows to people has names that stay; what stands here may change
with every version.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
)
from oss_cli.conversation.json_form import (
    Fields,
    Unfit,
    as_whole,
    sampling_from_json,
    sampling_to_json,
    tool_calls_from_json,
    tool_calls_to_json,
    usage_from_json,
    usage_to_json,
)
from oss_cli.conversation.messages import Message, Role, Tool
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.errors import OssError

_TEXTS: dict[str, type[Any]] = {
    "text": TextDelta, "reasoning": ReasoningDelta, "preamble": PreambleDelta, "notice": Notice,
}  # fmt: skip
_TEXT_NAMES = {kind: name for name, kind in _TEXTS.items()}


def request_to_json(messages: Sequence[Message], options: ReplyOptions) -> dict[str, object]:
    """Everything about a reply, but for `cancelled`, which is between threads, and what `oss serve` alone asks for:
    `chances` and `call_form`.
    """
    begun = options.begun
    return {
        "messages": [_message_to_json(one) for one in messages],
        "date": options.date,
        "sampling": sampling_to_json(options.sampling),
        "drawn_seed": options.drawn_seed,
        "effort": options.effort,
        "tools": [
            {"name": one.name, "description": one.description, "parameters": one.parameters} for one in options.tools
        ],
        "goes_on": options.goes_on,
        "conversation": options.conversation,
        "recurring": options.recurring,
        "begun": {"message": _message_to_json(begun.message), "tokens": list(begun.tokens)} if begun else None,
        "reasoning_budget": options.reasoning_budget,
        "answer_form": _form_to_json(options.answer_form),
    }


def request_from_json(given: Fields) -> tuple[tuple[Message, ...], ReplyOptions]:
    """The reverse of `request_to_json`; takes its fields alone, so that others may stand beside them. Raises Unfit."""
    messages = given.parts("messages", _message_from_json)
    options = ReplyOptions(
        date=given.text("date"),
        sampling=given.part("sampling", sampling_from_json) or SamplingOptions(),
        drawn_seed=given.part("drawn_seed", as_whole),
        effort=given.one_of("effort", ReasoningEffort),
        tools=given.parts("tools", _tool_from_json),
        goes_on=_switch(given.take("goes_on"), given.at("goes_on")),
        conversation=given.text("conversation", ""),
        recurring=given.text("recurring", ""),
        begun=given.part("begun", _begun_from_json),
        reasoning_budget=given.part("reasoning_budget", as_whole),
        answer_form=given.part("answer_form", _form_from_json),
    )
    return messages, options


def event_to_json(event: Event) -> dict[str, object]:
    """An event."""
    match event:
        case TokensSampled(tokens):
            return {"event": "tokens", "ids": list(tokens)}
        case PrefillProgress(done, total):
            return {"event": "progress", "done": done, "total": total}
        case ToolCallDelta(index, name, arguments):
            return {"event": "call", "index": index, "name": name, "arguments": arguments}
        case ToolCallEnded(index, call):
            return {"event": "called", "index": index, "call": tool_calls_to_json((call,))}
        case TurnEnded(reason, usage, seed):
            return {"event": "ended", "reason": reason, "usage": usage_to_json(usage), "seed": seed}
        case _:
            return {"event": _TEXT_NAMES[type(event)], "text": event.text}


def event_from_json(value: object) -> Event:
    """The reverse of `event_to_json`; raises Unfit."""
    given = Fields(value, "")
    name = given.text("event")
    if name in _TEXTS:
        event: Event = _TEXTS[name](given.text("text"))
    elif name in _READERS:
        event = _READERS[name](given)
    else:
        raise Unfit("event", f"is none that we know: {name!r}")
    given.end()
    return event


def error_to_json(error: OssError) -> dict[str, object]:
    """An error of ours, in the place of an event."""
    return {
        "event": "error", "kind": type(error).__name__, "message": error.message, "cause": error.cause,
        "hint": error.hint,
    }  # fmt: skip


def error_from_json(value: Mapping[str, object]) -> OssError:
    """An error with the same words and the same exit status; of its facts only the words are left. Raises Unfit."""
    given = Fields(value, "")
    given.take("event")
    kind = _kinds(OssError).get(given.text("kind"), OssError)
    error = kind.__new__(kind)
    OssError.__init__(error, given.text("message"), cause=given.text("cause", ""), hint=given.text("hint", ""))
    given.end()
    return error


def _kinds(base: type[OssError]) -> dict[str, type[OssError]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


def _message_to_json(message: Message) -> dict[str, object]:
    values: dict[str, object] = {
        "role": message.role, "content": message.content, "reasoning": message.reasoning,
        "tool_calls": tool_calls_to_json(message.tool_calls), "tool_call_id": message.tool_call_id,
        "name": message.name,
    }  # fmt: skip
    return {name: value for name, value in values.items() if value}


def _message_from_json(value: object, place: str) -> Message:
    given = Fields(value, place)
    role = given.one_of("role", Role)
    if role is None:
        raise Unfit(given.at("role"), "is missing")
    message = Message(
        role, given.text("content", ""), given.text("reasoning", ""),
        tool_calls_from_json(given.take("tool_calls", []), given.at("tool_calls")),
        given.text("tool_call_id", ""), given.text("name", ""),
    )  # fmt: skip
    given.end()
    return message


def _tool_from_json(value: object, place: str) -> Tool:
    given = Fields(value, place)
    parameters = given.take("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise Unfit(given.at("parameters"), "must be an object")
    tool = Tool(given.text("name"), given.text("description", ""), parameters)
    given.end()
    return tool


def _begun_from_json(value: object, place: str) -> BegunReply:
    given = Fields(value, place)
    message = given.part("message", _message_from_json)
    if message is None:
        raise Unfit(given.at("message"), "is missing")
    begun = BegunReply(message, given.parts("tokens", as_whole))
    given.end()
    return begun


def _form_to_json(form: AnswerForm | None) -> dict[str, object] | None:
    match form:
        case SchemaForm(schema, name, description):
            return {"schema": schema, "name": name, "description": description}
        case GrammarForm(source):
            return {"grammar": source}
        case _:
            return None


def _form_from_json(value: object, place: str) -> AnswerForm:
    given = Fields(value, place)
    if "grammar" in given.rest():
        form: AnswerForm = GrammarForm(given.text("grammar"))
    else:
        schema = given.take("schema")
        if not isinstance(schema, (dict, bool)):
            raise Unfit(given.at("schema"), "must be a JSON Schema")
        form = SchemaForm(schema, given.text("name", "answer"), given.text("description", ""))
    given.end()
    return form


def _switch(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise Unfit(place, "must be true or false")
    return value


def _read_ended(given: Fields) -> TurnEnded:
    reason, usage = given.one_of("reason", StopReason), given.part("usage", usage_from_json)
    if reason is None or usage is None:
        raise Unfit("event", "lacks its reason or its usage")
    return TurnEnded(reason, usage, given.whole("seed"))


def _read_called(given: Fields) -> ToolCallEnded:
    calls = tool_calls_from_json(given.take("call"), given.at("call"))
    if len(calls) != 1:
        raise Unfit(given.at("call"), "must be one call")
    return ToolCallEnded(given.whole("index"), calls[0])


_READERS: dict[str, Callable[[Fields], Event]] = {
    "tokens": lambda given: TokensSampled(given.parts("ids", as_whole)),
    "progress": lambda given: PrefillProgress(given.whole("done"), given.whole("total")),
    "call": lambda given: ToolCallDelta(given.whole("index"), given.text("name"), given.text("arguments")),
    "called": _read_called,
    "ended": _read_ended,
}
