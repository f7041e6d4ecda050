"""A chat completion's request: what is asked, out of JSON. Knows nothing of answers.

Source: OpenAI's API reference, "Create chat completion" (2026-11).
"""

from dataclasses import dataclass, replace

from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message, Role, Tool
from oss_cli.conversation.openai_messages import read_messages, read_tool
from oss_cli.conversation.option_json import refuse_others
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions
from oss_cli.server.request_fields import (
    drop,
    read_chance_count,
    read_form,
    read_sampling,
    read_stream_options,
    read_switch,
    refuse_unless,
)
from oss_cli.server.tool_choice import OfferedTools

_WITHOUT_EFFECT = (
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "parallel_tool_calls", "cache_prompt",
)  # fmt: skip
"""Notes for OpenAI's own books, and what is always so: a reply ends with its first call; prompts are kept."""
_ONLY_AS_IT_IS: dict[str, object] = {
    "n": 1, "frequency_penalty": 0, "presence_penalty": 0, "modalities": ["text"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client asks for."""

    model: str | None
    messages: tuple[Message, ...]
    options: ReplyOptions
    is_streamed: bool
    wants_usage: bool
    """At the end of a stream."""

    @property
    def may_call(self) -> bool:
        """Whether tools are offered."""
        return bool(self.options.tools)


def read_chat_request(value: dict[str, object], defaults: ReplyOptions) -> ChatRequest:
    """A request out of its JSON.

    Raises:
        Unfit: a field is missing, or has a value that it cannot have.
        UnsupportedFields: something is asked for that we cannot do.
    """
    body = Fields(value, "")
    drop(body, *_WITHOUT_EFFECT)
    refuse_unless(body, _ONLY_AS_IT_IS)
    model = body.text_or_none("model")
    is_streamed = read_switch(body, "stream")
    wants_usage = body.part("stream_options", read_stream_options) or False
    messages, begun = _read_begun(body, read_messages(body))
    offered = OfferedTools()
    tools = body.part("tools", lambda tools, place: _read_tools(tools, place, offered)) or ()
    options = replace(
        defaults,
        sampling=read_sampling(body, "max_tokens", "max_completion_tokens").over(defaults.sampling),
        effort=_read_effort(body) or defaults.effort,
        answer_form=body.part("response_format", read_form),
        goes_on=True,
        begun=begun,
        chances=_read_chances(body),
    )
    options = offered.choose(options, tools, body.take("tool_choice"))
    if begun is not None and (options.answer_form is not None or options.call_form is not None):
        # What was said already may not fit the form: then nothing would hold the rest to it, and nobody would know.
        raise Unfit("continue_final_message", "goes with no response_format, no tool_choice and no strict tools")
    refuse_others(body)
    return ChatRequest(model, messages, options, is_streamed, wants_usage)


def _read_begun(body: Fields, messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], BegunReply | None]:
    """The messages, and a reply that is to go on, by the two switches that vLLM and others have for that; raises Unfit.

    By themselves, without `continue_final_message`, an answer at the end is one that is complete.
    """
    goes_on = read_switch(body, "continue_final_message")
    if read_switch(body, "add_generation_prompt", default=not goes_on) is goes_on:
        raise Unfit("add_generation_prompt", "must be the opposite of continue_final_message")
    if not goes_on:
        return messages, None
    *earlier, last = messages
    if last.role is not Role.ASSISTANT or last.tool_calls or not (last.content or last.reasoning):
        raise Unfit("continue_final_message", "goes on with a last message of the assistant that has text and no calls")
    return tuple(earlier), BegunReply(last)


def _read_tools(value: object, place: str, offered: OfferedTools) -> tuple[Tool, ...]:
    return Fields({"tools": value}, "").parts("tools", lambda one, place: read_tool(one, place, offered.read_strict))


def _read_chances(body: Fields) -> int | None:
    """How many of the likeliest tokens are wanted; None: no chances at all."""
    wants = read_switch(body, "logprobs")
    count = read_chance_count(body, "top_logprobs")
    if count and not wants:
        raise Unfit("top_logprobs", "goes with logprobs: true")
    return (count or 0) if wants else None


def _read_effort(body: Fields) -> ReasoningEffort | None:
    """The effort, at the top or where templates are told of it."""
    effort = body.one_of("reasoning_effort", ReasoningEffort)
    if (told := body.take("chat_template_kwargs")) is not None:
        inner = Fields(told, "chat_template_kwargs")
        effort = effort or inner.one_of("reasoning_effort", ReasoningEffort)
        refuse_others(inner)
    return effort
