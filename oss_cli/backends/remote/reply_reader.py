"""The pieces of a streamed reply → our events, and what it cost. Knows no connection and no clock but the one it gets.

Reasoning comes as `reasoning` (vLLM, Ollama, LM Studio) or `reasoning_content` (SGLang, llama-server, older vLLM).
Where a server does not count tokens, its pieces are counted: nearly all send a piece a token.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oss_cli.backends.remote.wire import count, items, milliseconds, table, text
from oss_cli.conversation.events import (
    ReasoningDelta,
    ReplyEvent,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    Usage,
)
from oss_cli.conversation.messages import ToolCall

_REASONS = {
    "stop": StopReason.END,
    "tool_calls": StopReason.TOOL_CALL,
    "function_call": StopReason.TOOL_CALL,
    "length": StopReason.MAX_TOKENS,
}


@dataclass(slots=True)
class _Call:
    """A call of a tool as it grows."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ReplyReader:
    """Reads one reply, piece by piece."""

    def __init__(self, clock: Callable[[], float], *, max_tokens: int | None = None, context_tokens: int = 0) -> None:
        """max_tokens: how many were asked for. context_tokens: how many the context holds."""
        self._clock = clock
        self._max_tokens = max_tokens
        self._context_tokens = context_tokens
        self._asked_at = clock()
        self._first_at = 0.0
        self._last_at = 0.0
        self._calls: list[_Call] = []
        self._call_of: dict[int, int] = {}
        self._pieces = 0
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}
        self._stop: object = None
        self.finish = ""
        """Why it ended, in the server's word; empty: it has not said so."""

    @property
    def has_begun(self) -> bool:
        """Whether any of the reply has come."""
        return self._pieces > 0

    def feed(self, piece: "dict[str, Any]") -> list[ReplyEvent]:
        """The events of one piece."""
        self._usage = table(piece.get("usage")) or self._usage
        self._timings = table(piece.get("timings")) or self._timings
        events: list[ReplyEvent] = []
        for choice in map(table, items(piece.get("choices"))[:1]):
            delta = table(choice.get("delta")) or table(choice.get("message"))
            events += self._read(delta)
            self.finish = text(choice.get("finish_reason")) or self.finish
            # vLLM tells what ended the answer as stop_reason, SGLang as matched_stop: a text, or a token's number.
            self._stop = choice.get("stop_reason") or choice.get("matched_stop") or self._stop
        if events:
            self._pieces += 1
            self._last_at = self._clock()
            self._first_at = self._first_at or self._last_at
        return events

    def close(self) -> list[ReplyEvent]:
        """The last events of a reply that is complete."""
        return [
            ToolCallEnded(number, ToolCall(call.name, "".join(call.arguments), call.id))
            for number, call in enumerate(self._calls)
        ]

    @property
    def reason(self) -> StopReason:
        """Why it ended."""
        if self.finish == "stop" and self._calls:  # as some do
            return StopReason.TOOL_CALL
        if self.finish == "stop" and isinstance(self._stop, str) and self._stop:
            return StopReason.STOP_STRING
        if self.finish != "length":
            return _REASONS.get(self.finish, StopReason.END)
        usage = self.usage()
        is_full = usage.prompt_tokens + usage.reply_tokens >= self._context_tokens > 0
        has_all = self._max_tokens is not None and usage.reply_tokens >= self._max_tokens
        return StopReason.CONTEXT_FULL if is_full and not has_all else StopReason.MAX_TOKENS

    def usage(self) -> Usage:
        """What it cost: as the server tells, and where it does not, as seen from here."""
        told, timings = self._usage, self._timings
        first_s = max(0.0, self._first_at - self._asked_at)
        prefill_s, decode_s = (milliseconds(timings.get(name)) for name in ("prompt_ms", "predicted_ms"))
        return Usage(
            prompt_tokens=count(told.get("prompt_tokens")),
            reused_tokens=count(table(told.get("prompt_tokens_details")).get("cached_tokens")),
            reply_tokens=count(told.get("completion_tokens")) or self._pieces,
            reasoning_tokens=count(table(told.get("completion_tokens_details")).get("reasoning_tokens")),
            context_tokens=self._context_tokens,
            prefill_s=prefill_s if prefill_s is not None else first_s,
            decode_s=decode_s if decode_s is not None else max(0.0, self._last_at - self._first_at),
            first_token_s=first_s,
        )

    def _read(self, delta: "dict[str, Any]") -> list[ReplyEvent]:
        events: list[ReplyEvent] = []
        if reasoning := text(delta.get("reasoning")) or text(delta.get("reasoning_content")):
            events.append(ReasoningDelta(reasoning))
        if content := _content(delta.get("content")) or text(delta.get("refusal")):
            events.append(TextDelta(content))
        for at, call in enumerate(items(delta.get("tool_calls"))):
            events.append(self._read_call(table(call), at))
        return events

    def _read_call(self, value: "dict[str, Any]", at: int) -> ToolCallDelta:
        """A piece of a call. Some servers number all of them 0, or none: then another id is another call."""
        index = value.get("index")
        key = index if isinstance(index, int) else at
        number, name = self._call_of.get(key), text(value.get("id"))
        if number is None or (name and self._calls[number].id and name != self._calls[number].id):
            number = self._call_of[key] = len(self._calls)
            self._calls.append(_Call())
        call, function = self._calls[number], table(value.get("function"))
        call.id = call.id or name
        call.name = call.name or text(function.get("name"))
        arguments = function.get("arguments")
        piece = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments is not None else ""
        if piece:
            call.arguments.append(piece)
        return ToolCallDelta(number, call.name, piece)


def _content(value: object) -> str:
    """The text of an answer, also where it comes in parts."""
    if isinstance(value, list):
        return "".join(text(table(part).get("text")) for part in value)
    return text(value)
