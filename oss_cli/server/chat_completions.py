"""`/v1/chat/completions`: a conversation in, the next message out, whole or as a stream of chunks."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from oss_cli.conversation.events import TokenChance, Usage
from oss_cli.conversation.messages import ToolCall
from oss_cli.errors import OssError
from oss_cli.server.answer_chances import chance_to_json
from oss_cli.server.chat_request import ChatRequest, read_chat_request
from oss_cli.server.json_body import JsonResponse, read_json
from oss_cli.server.replies import RunningReply
from oss_cli.server.service import DONE, ReplyStream, Service, event_of, unless_gone
from oss_cli.server.spoken import CallArguments, CallBegun, Content, Reasoning, Said, Spoken
from oss_cli.server.wire_errors import from_oss_error, stopping


async def answer_chat(service: Service, request: Request) -> Response:
    """The answer to a request.

    Raises:
        WireError, Unfit, OssError: it cannot be answered.
        ClientDisconnect: nobody wants it any more.
    """
    body = await read_json(request, service.rules)
    asked = await asyncio.to_thread(read_chat_request, body, service.served.options())  # schemas take their time
    service.check_model(asked.model)
    messages = service.with_system(asked.messages)
    reply = await service.begin(request, service.served.chat, messages, asked.options, is_streamed=asked.is_streamed)
    answer = ChatAnswer(asked, service.served.name)
    if asked.is_streamed:
        return ReplyStream(reply, answer.stream(reply))
    try:
        return JsonResponse(await unless_gone(request, answer.whole(reply)))
    finally:
        reply.close()


class ChatAnswer:
    """One answer on its way."""

    def __init__(self, asked: ChatRequest, model: str) -> None:
        self._asked = asked
        self._frame = _Frame(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model)
        self._spoken = Spoken(may_call=asked.may_call)

    async def whole(self, reply: RunningReply) -> dict[str, object]:
        """All of it at once.

        Raises:
            OssError: the model failed.
            WireError: the server was stopped.
        """
        async for event in reply.events():
            self._spoken.take(event)
        spoken = self._spoken
        if spoken.was_stopped or spoken.ended is None:
            raise stopping()
        message: dict[str, object] = {"role": "assistant", "content": spoken.content or None, "refusal": None}
        if not spoken.calls:
            message["content"] = spoken.content
        if spoken.reasoning:
            message["reasoning"] = spoken.reasoning
        if spoken.calls:
            message["tool_calls"] = [call_to_json(call) for call in spoken.calls]
        logprobs = self._logprobs(spoken.chances)
        choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": spoken.finish_reason}
        return self._frame.around("chat.completion", [choice]) | {"usage": usage_to_json(spoken.ended.usage)}

    async def stream(self, reply: RunningReply) -> AsyncIterator[ServerSentEvent]:
        """All of it piece by piece; what goes wrong on the way is the last piece."""
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async for event in reply.events():
                for said in self._spoken.take(event):
                    if delta := _delta_of(said):
                        chances = said.chances if isinstance(said, Content) else ()
                        yield self._chunk(delta, chances=chances)
        except OssError as error:
            yield event_of(from_oss_error(error).to_json())
            return
        if self._spoken.was_stopped or self._spoken.ended is None:
            yield event_of(stopping().to_json())
            return
        yield self._chunk({}, self._spoken.finish_reason)
        if self._asked.wants_usage:
            usage = {"usage": usage_to_json(self._spoken.ended.usage)}
            yield event_of(self._frame.around("chat.completion.chunk", []) | usage)
        yield DONE

    def _logprobs(self, chances: Sequence[TokenChance]) -> dict[str, object] | None:
        if self._asked.options.chances is None:
            return None
        return {"content": [chance_to_json(chance) for chance in chances], "refusal": None}

    def _chunk(
        self, delta: dict[str, object], finish_reason: str | None = None, chances: Sequence[TokenChance] = ()
    ) -> ServerSentEvent:
        logprobs = self._logprobs(chances) if chances else None
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage: dict[str, object] = {"usage": None} if self._asked.wants_usage else {}
        return event_of(self._frame.around("chat.completion.chunk", [choice]) | usage)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around every piece of an answer."""

    id: str
    created: int
    model: str

    def around(self, kind: str, choices: list[dict[str, object]]) -> dict[str, object]:
        """An object of that kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}


def call_to_json(call: ToolCall) -> dict[str, object]:
    """A call."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def usage_to_json(usage: Usage) -> dict[str, object]:
    """What a reply cost."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.reply_tokens,
        "total_tokens": usage.prompt_tokens + usage.reply_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.reused_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _delta_of(said: Said) -> dict[str, object] | None:
    match said:
        case Reasoning(text):
            return {"reasoning": text}
        case Content(text):
            return {"content": text}
        case CallBegun(index, id, name):
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}
        case CallArguments(index, text):
            return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
        case _:
            return None
