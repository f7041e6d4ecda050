"""What a backend tells of a reply, kept as whoever wants to go on with it would keep it."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from oss_cli.backends.local import LocalBackend
from oss_cli.conversation.events import (
    Event,
    PreambleDelta,
    ReasoningDelta,
    TextDelta,
    TokensSampled,
    ToolCallEnded,
    TurnEnded,
)
from oss_cli.conversation.messages import Message, Role
from oss_cli.conversation.options import BegunReply, ReplyOptions


@dataclass
class Told:
    """All that was told of a reply so far."""

    tokens: list[int] = field(default_factory=list)
    reasoning: str = ""
    preamble: str = ""
    answer: str = ""
    calls: list[ToolCallEnded] = field(default_factory=list)
    ended: TurnEnded | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        return self.reasoning, self.preamble, self.answer

    @property
    def begun(self) -> BegunReply:
        """The reply as one to go on with."""
        message = Message(Role.ASSISTANT, self.answer or self.preamble, reasoning=self.reasoning)
        return BegunReply(message, tuple(self.tokens))

    def take(self, event: Event) -> None:
        match event:
            case TokensSampled(tokens):
                self.tokens += tokens
            case ReasoningDelta(text):
                self.reasoning += text
            case PreambleDelta(text):
                self.preamble += text
            case TextDelta(text):
                self.answer += text
            case ToolCallEnded():
                self.calls.append(event)
            case TurnEnded():
                self.ended = event
            case _:
                pass


def listen(events: Iterable[Event], earlier: Told | None = None) -> Told:
    """A reply to its end; what was told of it earlier comes first."""
    told = earlier or Told()
    for event in events:
        told.take(event)
    return told


def break_off(
    backend: LocalBackend,
    messages: Sequence[Message],
    options: ReplyOptions,
    *,
    tokens: int,
    is_late: bool,
    earlier: Told | None = None,
) -> Told:
    """A reply that is closed at a token: before the texts that this token completes, or (is_late) after them."""
    told = earlier or Told()
    wanted = len(told.tokens) + tokens
    with closing(backend.reply(messages, options)) as events:
        for event in events:
            if is_late and isinstance(event, TokensSampled) and len(told.tokens) == wanted:
                break
            told.take(event)
            if not is_late and len(told.tokens) == wanted:
                break
    return told
