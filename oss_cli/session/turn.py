"""One turn: a conversation goes in, events come out, and what was said is put together on the way."""

from collections.abc import Generator, Sequence
from contextlib import closing

from oss_cli.backends.base import Backend
from oss_cli.conversation.events import Event, PreambleDelta, ReasoningDelta, TextDelta, ToolCallEnded, TurnEnded
from oss_cli.conversation.messages import Message, Role, ToolCall
from oss_cli.conversation.options import ReplyOptions


class Turn:
    """A reply that is being made. Iterate over it once; stop early and the model stops, and what was said stays."""

    def __init__(self, backend: Backend, messages: Sequence[Message], options: ReplyOptions) -> None:
        self._backend = backend
        self._messages = messages
        self._options = options
        self._answer: list[str] = []
        self._preamble: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[ToolCall] = []
        self.ended: TurnEnded | None = None
        """The last event; None while the reply is being made, and for good if it was stopped."""

    def __iter__(self) -> Generator[Event, None, None]:
        with closing(self._backend.reply(self._messages, self._options)) as events:
            for event in events:
                self._take(event)
                yield event

    @property
    def has_answer(self) -> bool:
        """Whether any of the answer has been said."""
        return bool(self._answer)

    @property
    def reply(self) -> Message:
        """What has been said so far."""
        content = "".join(self._answer) or "".join(self._preamble)
        return Message(Role.ASSISTANT, content, reasoning="".join(self._reasoning), tool_calls=tuple(self._calls))

    def _take(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._answer.append(text)
            case PreambleDelta(text):
                self._preamble.append(text)
            case ReasoningDelta(text):
                self._reasoning.append(text)
            case ToolCallEnded(_, call):
                self._calls.append(call)
            case TurnEnded():
                self.ended = event
            case _:
                pass
