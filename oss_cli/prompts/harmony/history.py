"""A conversation's messages as harmony messages. Decides what of the past the model sees again; knows no tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
from oss_cli.errors import BadUsage
from oss_cli.prompts.harmony.builtin import BUILTIN_RECIPIENTS
from oss_cli.prompts.harmony.developer import developer_text
from oss_cli.prompts.harmony.message import HarmonyMessage

_INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)


@dataclass(frozen=True, slots=True)
class CallStyle:
    """How calls are written into the history."""

    content_type: str = "json"
    """Plain `json` as OpenAI's template, or `<|constrain|>json` as the model emits; empty: none."""
    has_builtin_tools: bool = False
    """Whether a bare `python` or `browser.*` is the built-in tool instead of a function of that name."""


def split_instructions(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The leading system and developer messages joined with a blank line, and the messages after them."""
    leading = list(takewhile(lambda message: message.role in _INSTRUCTING, messages))
    return "\n\n".join(message.content for message in leading if message.content), messages[len(leading) :]


def write_history(messages: Sequence[Message], tools: Sequence[Tool], style: CallStyle) -> list[HarmonyMessage]:
    """The messages after the leading instructions.

    Reasoning before the last answer is left out: the model was trained without it. After that answer a chain of calls
    is still open, and the model needs what it thought.

    Raises:
        BadUsage: a tool's message that names no tool.
    """
    last_final = max((i for i, message in enumerate(messages) if _is_final(message)), default=-1)
    builtin = BUILTIN_RECIPIENTS - {tool.name for tool in tools} if style.has_builtin_tools else frozenset()
    callees: dict[str, str] = {}
    written: list[HarmonyMessage] = []
    for i, message in enumerate(messages):
        if message.role is Role.TOOL:
            written.append(_result(message, callees, builtin))
        elif message.role is Role.ASSISTANT:
            callees |= {call.id: call.name for call in message.tool_calls if call.id}
            written += _said(message, with_reasoning=i > last_final)
            written += [_call(call, style, builtin) for call in message.tool_calls]
        elif message.role in _INSTRUCTING:
            written.append(HarmonyMessage("developer", developer_text(message.content)))
        else:
            written.append(HarmonyMessage("user", message.content))
    return written


def _is_final(message: Message) -> bool:
    return message.role is Role.ASSISTANT and bool(message.content) and not message.tool_calls


def _said(message: Message, *, with_reasoning: bool) -> list[HarmonyMessage]:
    """What an assistant said beside its calls; nothing for one that was cut off in its reasoning."""
    said = []
    if message.reasoning and message.tool_calls and with_reasoning:
        said.append(HarmonyMessage("assistant", message.reasoning, "analysis"))
    if message.content:
        channel = "commentary" if message.tool_calls else "final"
        said.append(HarmonyMessage("assistant", message.content, channel))
    return said


def _call(call: ToolCall, style: CallStyle, builtin: frozenset[str]) -> HarmonyMessage:
    if call.name in builtin:
        return HarmonyMessage("assistant", call.arguments, "analysis", call.name, "code", "<|call|>")
    recipient, content_type = f"functions.{call.name}", style.content_type or None
    return HarmonyMessage("assistant", call.arguments, "commentary", recipient, content_type, "<|call|>")


def _result(message: Message, callees: dict[str, str], builtin: frozenset[str]) -> HarmonyMessage:
    callee = callees.get(message.tool_call_id) or message.name.removeprefix("functions.")
    if not callee:
        cause = f"its tool_call_id is {message.tool_call_id!r}, and no call before it has that id"
        raise BadUsage("a tool's message does not say which tool it is from", cause=cause)
    channel, author = ("analysis", callee) if callee in builtin else ("commentary", f"functions.{callee}")
    return HarmonyMessage("tool", message.content, channel, "assistant", name=author)
