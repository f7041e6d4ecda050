"""A conversation and the options of its next reply → the JSON of a request. Knows no connection.

What is undecided is not sent: the server's own habits decide then. What means the same is sent under each name that it
has somewhere, and taken back where a server refuses the name: `DOUBLED`.
"""

from collections.abc import Sequence
from typing import Any

from oss_cli.backends.remote.models import ServerKind
from oss_cli.conversation.answer_form import AnswerForm, GrammarForm
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
from oss_cli.conversation.options import BegunReply, ReplyOptions, SamplingOptions
from oss_cli.errors import BadUsage

DOUBLED = {
    "chat_template_kwargs": ("reasoning_effort",),
    "reasoning_effort": ("chat_template_kwargs",),
    "repeat_penalty": ("repetition_penalty",),
    "repetition_penalty": ("repeat_penalty",),
    "stream_options": (),
}
"""Fields that may be left out and nothing that was asked for is lost, as long as one of these others stays.

`stream_options` asks for nothing but the numbers of tokens. No other field is ever left out unasked.
"""
_ANY_OBJECT = {"type": "object", "properties": {}}


def write_request(model: str, messages: Sequence[Message], options: ReplyOptions, kind: ServerKind) -> "dict[str, Any]":
    """The body of a request for a streamed reply.

    Raises:
        BadUsage: there is nothing to answer, or this server cannot do what the options ask for.
    """
    if not any(message.content.strip() or message.tool_calls for message in messages):
        raise BadUsage("the prompt is empty", hint='oss run "Why is the sky blue?"')
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        **_sampling(options.sampling),
    }
    if options.effort is not None:
        effort = str(options.effort)
        body |= {"reasoning_effort": effort, "chat_template_kwargs": {"reasoning_effort": effort}}
    if options.tools:
        body["tools"] = [_tool(tool) for tool in options.tools]
    if options.answer_form is not None:
        body |= _form(options.answer_form, kind)
    if options.begun is not None:
        body["messages"].append(_begun(options.begun, kind))
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body


def _sampling(sampling: SamplingOptions) -> "dict[str, Any]":
    values: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,  # llama-server, Ollama
        "repetition_penalty": sampling.repeat_penalty,  # vLLM, SGLang
        "seed": sampling.seed,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) if sampling.stop else None,
        "logit_bias": {str(token): bias for token, bias in (sampling.logit_bias or {}).items()} or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _messages(messages: Sequence[Message]) -> "list[dict[str, Any]]":
    """The reasoning of earlier turns stays here, as models are made for; between two calls of a tool they need it."""
    last_question = max((at for at, one in enumerate(messages) if one.role is Role.USER), default=0)
    return [_message(one, has_reasoning=at > last_question) for at, one in enumerate(messages)]


def _message(message: Message, *, has_reasoning: bool) -> "dict[str, Any]":
    value: dict[str, Any] = {"role": str(message.role), "content": message.content}
    if message.tool_calls:
        value["content"] = message.content or None
        value["tool_calls"] = [_call(call, number) for number, call in enumerate(message.tool_calls)]
    if message.role is Role.TOOL:
        value["tool_call_id"] = message.tool_call_id
    if message.name:
        value["name"] = message.name
    if has_reasoning and message.reasoning:
        value |= _reasoning(message.reasoning)
    return value


def _reasoning(text: str) -> dict[str, str]:
    """Under the name that vLLM and Ollama read, and under that of llama-server and SGLang."""
    return {"reasoning": text, "reasoning_content": text}


def _call(call: ToolCall, number: int) -> "dict[str, Any]":
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{number}", "type": "function", "function": function}


def _tool(tool: Tool) -> "dict[str, Any]":
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters or _ANY_OBJECT)}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _form(form: AnswerForm, kind: ServerKind) -> "dict[str, Any]":
    """What holds the answer to a form.

    Raises:
        BadUsage: the server has nothing for that.
    """
    if isinstance(form, GrammarForm):
        if not kind.takes_grammars:
            cause = f"it is {kind}; of servers only llama-server reads GBNF"
            raise BadUsage(
                "the server cannot hold an answer to a grammar", cause=cause, hint="give a JSON Schema instead"
            )
        return {"grammar": form.source}
    schema = form.schema if isinstance(form.schema, bool) else dict(form.schema)
    if schema is False:
        raise BadUsage("no answer can have this form", cause="the schema allows nothing")
    wrapped: dict[str, Any] = {"name": form.name, "schema": {} if schema is True else schema, "strict": True}
    if form.description:
        wrapped["description"] = form.description
    return {"response_format": {"type": "json_schema", "json_schema": wrapped}}


def _begun(begun: BegunReply, kind: ServerKind) -> "dict[str, Any]":
    """The reply that is to go on, as the last message.

    Raises:
        BadUsage: this server cannot go on with it.
    """
    message = begun.message
    if not kind.goes_on:
        cause = f"it is {kind}; oss serve, llama-server, vLLM and SGLang can"
        raise BadUsage("the server cannot go on with a reply", cause=cause, hint="/regen makes it anew")
    if message.tool_calls:
        raise BadUsage("the reply is complete", cause="it calls a tool")
    if not message.content and not kind.goes_on_thinking:
        cause = f"it broke off in its reasoning, and {kind} goes on with answers alone"
        raise BadUsage("the server cannot go on with this reply", cause=cause, hint="/regen makes it anew")
    value: dict[str, Any] = {"role": "assistant", "content": message.content}
    return value | (_reasoning(message.reasoning) if message.reasoning else {})
