"""What became of an entry → its record: one line of JSON, its keys sorted. Knows nothing of files and clocks.

The forms are documented in the README, and stay.
"""

import hashlib
import json
from dataclasses import dataclass

from oss_cli.batch.requests import Entry, Form, Problem
from oss_cli.conversation.events import StopReason, TurnEnded, Usage
from oss_cli.conversation.messages import Message, ToolCall

_FINISH_REASONS = {
    StopReason.END: "stop",
    StopReason.STOP_STRING: "stop",
    StopReason.TOOL_CALL: "tool_calls",
    StopReason.MAX_TOKENS: "length",
    StopReason.CONTEXT_FULL: "length",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry: a reply, a problem, or both where the reply was cut off before its answer."""

    entry: Entry
    reply: Message | None = None
    ended: TurnEnded | None = None
    problem: Problem | None = None


def write_record(outcome: Outcome, *, model: str, batch: str, created: int) -> str:
    """The record of an entry, line feed and all.

    batch: what the batch is known by; its records' own ids are made of it, and so the same whenever they are made.
    created: when, in seconds since 1970; the OpenAI form tells it.
    """
    if outcome.entry.form is Form.OPENAI:
        record = _openai_record(outcome, model, f"{batch}\n{outcome.entry.key}", created)
    else:
        record = _short_record(outcome)
    return json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"


def _short_record(outcome: Outcome) -> dict[str, object]:
    reply, ended = outcome.reply, outcome.ended
    return {
        "id": outcome.entry.id,
        "answer": reply.content if reply is not None else None,
        "reasoning": reply.reasoning if reply is not None else None,
        "usage": _short_usage(ended.usage) if ended is not None else None,
        "stop_reason": str(ended.reason) if ended is not None else None,
        "seed": ended.seed if ended is not None else None,
        "error": _error(outcome.problem),
    }


def _short_usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "reused_tokens": usage.reused_tokens,
        "reply_tokens": usage.reply_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def _openai_record(outcome: Outcome, model: str, source: str, created: int) -> dict[str, object]:
    """Source: OpenAI's API reference, "The request output object" and "The chat completion object" (2026-11)."""
    name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    response = None
    if outcome.reply is not None and outcome.ended is not None:
        body = _completion(outcome.reply, outcome.ended, name, model) | {"created": created}
        response = {"status_code": 200, "request_id": f"req_{name}", "body": body}
    return {
        "id": f"batch_req_{name}",
        "custom_id": outcome.entry.id,
        "response": response,
        "error": _error(outcome.problem),
    }


def _completion(reply: Message, ended: TurnEnded, name: str, model: str) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": reply.content or None, "refusal": None}
    if not reply.tool_calls:
        message["content"] = reply.content
    else:
        message["tool_calls"] = [_call(call, f"{name}{number}") for number, call in enumerate(reply.tool_calls)]
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    reason = _FINISH_REASONS.get(ended.reason, str(ended.reason))
    usage = ended.usage
    return {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "model": model,
        "seed": ended.seed,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.reply_tokens,
            "total_tokens": usage.prompt_tokens + usage.reply_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        },
    }


def _call(call: ToolCall, name: str) -> dict[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{name}", "type": "function", "function": function}


def _error(problem: Problem | None) -> dict[str, str] | None:
    return {"code": str(problem.code), "message": problem.message} if problem is not None else None
