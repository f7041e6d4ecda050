"""What is said: roles, messages, tools and tool calls. Pure values: two messages with the same content are equal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] | None = None
    """JSON Schema of the arguments (an object); None: the function takes none."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model has written in full."""

    name: str
    """The function's bare name, without a `functions.` in front."""
    arguments: str
    """JSON text, byte for byte as the model wrote it; it may be malformed."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str = ""
    reasoning: str = ""
    """What an assistant thought before it answered; never part of `content`."""
    tool_calls: tuple[ToolCall, ...] = field(default=())
    tool_call_id: str = ""
    """On a tool's message: which call it answers."""
    name: str = ""
    """On a tool's message: the function's name, for when no call with that id stands in the history. On others: what
    the speaker is called, for the few chat templates that tell it."""


def user_message(content: str) -> Message:
    """A message of the user."""
    return Message(Role.USER, content)


def system_message(content: str) -> Message:
    """A message that instructs the model."""
    return Message(Role.SYSTEM, content)
