"""One turn: a conversation goes in, events come out, and what was said is put together on the way."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from oss_cli.backends.base import Backend
from oss_cli.conversation.events import (
    Event,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    TextDelta,
    TokensSampled,
    ToolCallEnded,
    TurnEnded,
)
from oss_cli.conversation.messages import Message, Role, ToolCall
from oss_cli.conversation.options import ReplyOptions


class Turn:
    """A reply that is being made. Iterate over it once; stop early and the model stops, and what was said stays."""

    def __init__(
        self,
        backend: Backend,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        on_event: Callable[["Turn"], None] | None = None,
    ) -> None:
        """on_event: told after each event, before whoever iterates sees it."""
        self._backend = backend
        self._messages = messages
        self._options = options
        self._on_event = on_event
        begun = options.begun
        self.begun = begun.message if begun is not None else Message(Role.ASSISTANT)
        """What had been said already of a reply that goes on."""
        self._answer: list[str] = [self.begun.content] if self.begun.content else []
        self._preamble: list[str] = []
        self._reasoning: list[str] = [self.begun.reasoning] if self.begun.reasoning else []
        self._calls: list[ToolCall] = []
        self.tokens: list[int] = list(begun.tokens) if begun is not None else []
        """Every token of the reply so far, as far as the backend tells them."""
        self.new_tokens = 0
        """How many of them came in this turn."""
        self.reasoning_tokens = 0
        """How many of those came before a piece of reasoning: nearly all that were reasoning, for a turn that stops."""
        self.decode_s = 0.0
        """From its first new token to its last."""
        self.first_token_s = 0.0
        """From the request to its first new token."""
        self.context_tokens = backend.context_tokens
        self._asked_at = 0.0
        self._first_token_at = 0.0
        self._untold_tokens = 0
        self.prompt_tokens = 0
        """Of the prompt; known once its evaluation has begun."""
        self.has_said = False
        """Whether anything at all has come, reasoning included."""
        self.ended: TurnEnded | None = None
        """The last event; None while the reply is being made, and for good if it was stopped."""

    def __iter__(self) -> Generator[Event, None, None]:
        self._asked_at = time.perf_counter()
        with closing(self._backend.reply(self._messages, self._options)) as events:
            for event in events:
                self._take(event)
                if self._on_event is not None:
                    self._on_event(self)
                yield event

    @property
    def goes_on(self) -> bool:
        """Whether something of the reply had been said before."""
        return bool(self.begun.content or self.begun.reasoning)

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
            case TokensSampled(tokens):
                self._count(tokens)
            case TextDelta(text):
                self._say(self._answer, text)
            case PreambleDelta(text):
                if self.begun.content and not self._preamble:  # then what had been said was its beginning
                    self._preamble, self._answer = self._answer, []
                self._say(self._preamble, text)
            case ReasoningDelta(text):
                self.reasoning_tokens += self._untold_tokens
                self._say(self._reasoning, text)
            case ToolCallEnded(_, call):
                self._calls.append(call)
            case PrefillProgress(_, total):
                self.prompt_tokens = total
            case TurnEnded():
                self.ended = event
            case _:
                pass

    def _count(self, tokens: tuple[int, ...]) -> None:
        now = time.perf_counter()
        if not self._first_token_at:
            self._first_token_at = now
            self.first_token_s = now - self._asked_at
        self.decode_s = now - self._first_token_at
        self.tokens += tokens
        self.new_tokens += len(tokens)
        self._untold_tokens += len(tokens)

    def _say(self, parts: list[str], text: str) -> None:
        self._untold_tokens = 0
        parts.append(text)
        self.has_said = self.has_said or bool(text)
