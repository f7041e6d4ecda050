"""How a reply is to be made: sampling, reasoning effort, limits."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # settings need none of these, and are read before a model is loaded
    from oss_cli.conversation.answer_form import AnswerForm, CallForm
    from oss_cli.conversation.messages import Message, Tool

SEEDS = 2**32 - 1
"""So many there are, from 0 on: the next number is llama.cpp's word for one of its own choice that it does not tell."""


class ReasoningEffort(StrEnum):
    """How long a reasoning model may think; harmony knows these three and no `none`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the next token is chosen. A field that is None has not been decided: see `over`."""

    temperature: float | None = None
    """0: always the likeliest token."""
    top_p: float | None = None
    """Keep the likeliest tokens whose probabilities add up to this; 1: keep all."""
    top_k: int | None = None
    """Keep this many of the likeliest tokens; 0: keep all."""
    min_p: float | None = None
    """Drop tokens less likely than this share of the likeliest; 0: drop none."""
    repeat_penalty: float | None = None
    """Divide the logits of tokens among the last 64 by this; 1: no penalty."""
    seed: int | None = None
    """0 to 2**32 - 2; None: a fresh one for each request."""
    max_tokens: int | None = None
    """Most tokens to sample, reasoning included; None: until the context is full."""
    stop: tuple[str, ...] | None = None
    """The answer ends before the first of these."""
    logit_bias: Mapping[int, float] | None = None
    """Token id → what to add to its logit."""

    def over(self, fallback: "SamplingOptions") -> "SamplingOptions":
        """These options, and where they are undecided, those of `fallback`."""
        undecided = {f.name: getattr(fallback, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **undecided)


PLAIN_SAMPLING = SamplingOptions(temperature=0.8, top_p=0.95, top_k=40, min_p=0.05, repeat_penalty=1.0)
"""For models that neither the catalogue nor their own file says anything about: llama.cpp's own defaults."""


@dataclass(frozen=True, slots=True)
class BegunReply:
    """A reply that was broken off and is to go on from where it stopped."""

    message: "Message"
    """What has been said of it and was shown."""
    tokens: tuple[int, ...] = ()
    """All its tokens so far, if this very model made them; empty: the message's text has to do."""


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """Everything about a reply that is not said in the messages."""

    date: str
    """ISO date that the model is told; frozen for the life of a conversation, or the cache is lost at midnight."""
    sampling: SamplingOptions = SamplingOptions()
    effort: ReasoningEffort | None = None
    """None: the model's own habit."""
    tools: "tuple[Tool, ...]" = ()
    goes_on: bool = False
    """Whether another turn may follow: then it is worth keeping what makes that turn quick."""
    conversation: str = ""
    """The id of the conversation, if it is kept: what makes its next turn quick is found by that."""
    recurring: str = ""
    """What the last message begins with, and those of other requests will, too: it is worth keeping."""
    begun: BegunReply | None = None
    """A reply to go on with; only what is new of it is told."""
    reasoning_budget: int | None = None
    """Most tokens of reasoning: then the model is made to answer; None: as many as it likes."""
    answer_form: "AnswerForm | None" = None
    """What the answer must be like; the reasoning before it stays free. A reply that is cut off may not be like it."""
    call_form: "CallForm | None" = None
    """What a call must be like, and whether there must be one; None: as the model writes it."""
    chances: int | None = None
    """Whether `TokensSampled` tells how likely each token was, and how many of the likeliest beside it."""
    drawn_seed: int | None = None
    """What is drawn with where nobody asks for a seed: it is told, and promises nothing. None: a fresh one."""
    cancelled: threading.Event | None = field(default=None, compare=False)
    """Set from any thread: the reply ends as cancelled, also while its prompt is being read. For those who cannot close
    its generator, because another thread waits in it."""


def fresh_seed() -> int:
    """Any seed, drawn by lot."""
    return int.from_bytes(os.urandom(8), "little") % SEEDS
