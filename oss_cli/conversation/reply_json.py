"""A reply and the events that make it as JSON values, under names that stay. Knows nothing of who wants them.

The README describes them; `JSON_VERSION` grows when a name goes or comes to mean something else.
"""

from dataclasses import fields

from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallEnded,
    Usage,
)
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.errors import OssError

JSON_VERSION = 1

_NAMES: dict[type[Event], str] = {
    TextDelta: "answer",
    ReasoningDelta: "reasoning",
    PreambleDelta: "preamble",
    Notice: "notice",
}


def event_to_json(event: Event) -> dict[str, object] | None:
    """An event as an object; None: it says nothing to anybody outside."""
    match event:
        case TextDelta(text) | ReasoningDelta(text) | PreambleDelta(text) | Notice(text):
            return {"event": _NAMES[type(event)], "text": text}
        case ToolCallEnded(_, call):
            return {"event": "tool_call", "name": call.name, "arguments": call.arguments}
        case PrefillProgress(done, total):
            return {"event": "progress", "done_tokens": done, "total_tokens": total}
        case _:
            return None


def options_to_json(options: ReplyOptions, sampling: SamplingOptions) -> dict[str, object]:
    """The options in force.

    sampling: what was asked for, with the model's own where nothing was.
    """
    values: dict[str, object] = {
        one.name: getattr(sampling, one.name) for one in fields(sampling) if one.name != "seed"
    }
    values["stop"] = list(sampling.stop or ())
    values["logit_bias"] = {str(token): bias for token, bias in (sampling.logit_bias or {}).items()}
    form = options.answer_form
    return {
        **values,
        "effort": options.effort,
        "reasoning_budget": options.reasoning_budget,
        "schema": form.schema if isinstance(form, SchemaForm) else None,
        "grammar": form.source if isinstance(form, GrammarForm) else None,
    }


def usage_to_counts(usage: Usage) -> dict[str, object]:
    """The tokens of a reply."""
    return {name: getattr(usage, name) for name in (
        "prompt_tokens", "reused_tokens", "reply_tokens", "reasoning_tokens", "context_tokens",
        "drafted_tokens", "accepted_tokens",
    )}  # fmt: skip


def usage_to_timings(usage: Usage) -> dict[str, object]:
    """The seconds of a reply, and its speed."""
    names = ("prefill_s", "first_token_s", "decode_s", "tokens_per_second")
    return {name: round(getattr(usage, name), 4) for name in names}


def error_to_json(error: OssError) -> dict[str, object]:
    """An error of ours."""
    return {
        "message": error.message,
        "cause": error.cause,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
