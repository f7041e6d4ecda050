"""Whether a refusal means that a prompt is longer than the context, and by how much: each server has its words."""

import re
from dataclasses import dataclass

from oss_cli.backends.remote.wire import Refusal, count

_SIGNS = re.compile(
    r"context (?:length|size|window)|maximum model length|maximum allowed length|max_model_len|maximum prompt length",
    re.IGNORECASE,
)
_CODES = ("exceed_context_size_error", "context_length_exceeded")
_LIMIT = re.compile(
    # llama-server; vLLM, OpenAI, llama-cpp-python; SGLang; vLLM's engine; LM Studio
    r"(?:available context size \(|context length (?:is|of)(?: only)? |context length \(|maximum allowed length \(|"
    r"model length of |context window of )(\d+)",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    # llama-server and SGLang; vLLM until 0.14, and llama-cpp-python; vLLM since; SGLang; OpenAI; vLLM's engine
    r"(?:request|input) \((\d+) tokens|\((\d+) in the (?:messages|prompt)|(?:contains|has) (?:at least )?(\d+) input|"
    r"(\d+) tokens from the input|resulted in (\d+) tokens|\(length (\d+)\)|Input length \((\d+)|"
    r"[Rr]equested tokens \((\d+)\)",
)
_REPLY = re.compile(r"(\d+) in the completion|requested (\d+) output tokens|(\d+) tokens for the completion")


@dataclass(frozen=True, slots=True)
class Overrun:
    """By how much a context is exceeded; a number that nobody told is 0."""

    prompt_tokens: int = 0
    reply_tokens: int = 0
    """How many were asked for beside the prompt."""
    context_tokens: int = 0


def find_overrun(refusal: Refusal) -> Overrun | None:
    """The numbers of a prompt that is too long; None: the refusal is about something else."""
    codes = (refusal.fields.get("type"), refusal.fields.get("code"))
    if not any(code in _CODES for code in codes) and not _SIGNS.search(refusal.message):
        return None
    return Overrun(
        prompt_tokens=count(refusal.fields.get("n_prompt_tokens")) or _first(_PROMPT, refusal.message),
        reply_tokens=_first(_REPLY, refusal.message),
        context_tokens=count(refusal.fields.get("n_ctx")) or _first(_LIMIT, refusal.message),
    )


def _first(pattern: re.Pattern[str], message: str) -> int:
    match = pattern.search(message)
    return int(next(group for group in match.groups() if group is not None)) if match is not None else 0
