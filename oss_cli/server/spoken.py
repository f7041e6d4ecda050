"""The events of a reply as what a client gets to hear: reasoning, content, and calls of the tools that it offered.

One translation for streams and for whole answers, so that both say the same. Knows no wire form.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from oss_cli.conversation.events import (
    Event,
    PreambleDelta,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokenChance,
    TokensSampled,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
)
from oss_cli.conversation.messages import Message, Role, ToolCall
from oss_cli.server.answer_chances import AnswerChances

_FINISH_REASONS = {StopReason.MAX_TOKENS: "length", StopReason.CONTEXT_FULL: "length"}


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of what the model thinks."""

    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """A piece of what it says."""

    text: str
    chances: Sequence[TokenChance] = ()
    """Of its tokens, where they are wanted."""


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call begins; its arguments follow."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """A piece of a call's arguments."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call is complete."""

    index: int


Said = Reasoning | Content | CallBegun | CallArguments | CallDone


class Spoken:
    """Takes the events of one reply, and remembers all that was said."""

    def __init__(self, *, may_call: bool) -> None:
        """may_call: whether tools were offered; else calls are nobody's business, and are left out."""
        self._may_call = may_call
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._has_preamble = False
        self._calls: dict[int, _Call] = {}
        """By the index that the model's reply has for them."""
        self._pending = AnswerChances()
        self.chances: list[TokenChance] = []
        """Those of all content."""
        self.ended: TurnEnded | None = None

    def take(self, event: Event) -> Sequence[Said]:
        """What an event says."""
        match event:
            case TokensSampled():
                self._pending.add(event.chances)
            case ReasoningDelta(text):
                self._pending.skip()
                self._reasoning.append(text)
                return (Reasoning(text),)
            case PreambleDelta(text):
                self._has_preamble = True
                return self._say(text)
            case TextDelta(text):
                apart = [self._separate()] if self._has_preamble else []
                self._has_preamble = False
                return [*apart, *self._say(text)]
            case ToolCallDelta(index, name, text):
                return self._add(index, name, text)
            case ToolCallEnded(index, call):
                return self._end(index, call)
            case TurnEnded():
                self.ended = event
        return ()

    @property
    def reasoning(self) -> str:
        """All that was thought."""
        return "".join(self._reasoning)

    @property
    def content(self) -> str:
        """All that was said."""
        return "".join(self._content)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls that are complete."""
        return tuple(ToolCall(call.name, call.arguments, call.id) for call in self._calls.values() if call.is_done)

    @property
    def message(self) -> Message:
        """The reply, as it stands in the conversation from now on."""
        return Message(Role.ASSISTANT, self.content, self.reasoning, self.calls)

    @property
    def finish_reason(self) -> str:
        """Why it ended, in OpenAI's words."""
        if self.calls:
            return "tool_calls"
        return _FINISH_REASONS.get(self.ended.reason, "stop") if self.ended is not None else "stop"

    @property
    def was_stopped(self) -> bool:
        """Whether it was broken off by the server."""
        return self.ended is None or self.ended.reason is StopReason.CANCELLED

    def _separate(self) -> Said:
        self._content.append("\n\n")
        return Content("\n\n")

    def _say(self, text: str) -> Sequence[Said]:
        self._content.append(text)
        chances = self._pending.of(text)
        self.chances += chances
        return (Content(text, chances),)

    def _add(self, index: int, name: str, text: str) -> Sequence[Said]:
        if not self._may_call:
            return ()
        said: list[Said] = []
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _Call(len(self._calls), name, f"call_{secrets.token_hex(12)}")
            said.append(CallBegun(call.index, call.id, name))
        call.arguments += text
        return [*said, CallArguments(call.index, text)] if text else said

    def _end(self, index: int, ended: ToolCall) -> Sequence[Said]:
        said = () if index in self._calls else self._add(index, ended.name, ended.arguments)
        if index not in self._calls:
            return ()
        self._calls[index].is_done = True
        return (*said, CallDone(self._calls[index].index))


@dataclass(slots=True)
class _Call:
    index: int
    name: str
    id: str
    arguments: str = ""
    is_done: bool = False
