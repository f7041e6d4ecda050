"""What streams back while a reply is made. A reply is an iterator of these; the last one is `TurnEnded`."""

from dataclasses import dataclass
from enum import StrEnum

from oss_cli.conversation.messages import ToolCall


class StopReason(StrEnum):
    """Why a reply ended."""

    END = "end"
    """The model said that it is done."""
    STOP_STRING = "stop_string"
    TOOL_CALL = "tool_call"
    """The model waits for the result of a tool."""
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    """How many of `prompt_tokens` were in the cache already and were not evaluated again."""
    reply_tokens: int = 0
    """Every token of the reply: reasoning, markup and the closing token included, and forced ones."""
    reasoning_tokens: int = 0
    """How many of `reply_tokens` were reasoning."""
    context_tokens: int = 0
    """How many tokens the context can hold."""
    prefill_s: float = 0.0
    decode_s: float = 0.0
    first_token_s: float = 0.0
    """From the request to the first sampled token."""
    drafted_tokens: int = 0
    """Tokens that were guessed beforehand and evaluated together with others."""
    accepted_tokens: int = 0
    """How many of `drafted_tokens` were right."""

    @property
    def tokens_per_second(self) -> float:
        """Speed of decoding; the first token belongs to the prefill."""
        return (self.reply_tokens - 1) / self.decode_s if self.decode_s > 0 and self.reply_tokens > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know and a pipe should not see."""

    text: str


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """How much of the prompt has been evaluated; comes before the first delta."""

    done_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class TokenChance:
    """How likely the model held a token, before any sampling option."""

    piece: bytes
    """What the token stands for; not always whole UTF-8 characters; empty for control tokens."""
    logprob: float
    likeliest: tuple[tuple[bytes, float], ...] = ()
    """The likeliest tokens there, whichever was chosen."""


@dataclass(frozen=True, slots=True)
class TokensSampled:
    """Tokens that were added to the reply; comes before the deltas that they complete.

    Whoever keeps them all can let a reply that was broken off go on from exactly there (`BegunReply`).
    """

    tokens: tuple[int, ...]
    chances: tuple[TokenChance, ...] = ()
    """Theirs, where they are wanted (`ReplyOptions.chances`); forced tokens have none."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class PreambleDelta:
    """A piece of what the model says to the user before it calls a tool; visible, but not the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call that is being written; not to be run before its `ToolCallEnded`."""

    index: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallEnded:
    """A call is complete and may be run."""

    index: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The last event of a reply."""

    reason: StopReason
    usage: Usage
    seed: int = 0


ReplyEvent = ReasoningDelta | PreambleDelta | TextDelta | ToolCallDelta | ToolCallEnded
"""What a prompt format reads out of the tokens of a reply."""

Event = Notice | PrefillProgress | TokensSampled | ReplyEvent | TurnEnded
