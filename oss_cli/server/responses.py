"""`/v1/responses`: items in, items out, whole or as a stream of typed events.

Source: OpenAI's API reference, "Responses" (2026-11).
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from oss_cli.conversation.events import Usage
from oss_cli.conversation.messages import Message, Role
from oss_cli.errors import OssError
from oss_cli.server.json_body import JsonResponse, read_json
from oss_cli.server.kept_responses import KeptResponses
from oss_cli.server.replies import RunningReply
from oss_cli.server.response_items import GrowingItems
from oss_cli.server.response_request import ResponseRequest, read_response_request
from oss_cli.server.service import ReplyStream, Service, event_of, unless_gone
from oss_cli.server.spoken import Spoken
from oss_cli.server.wire_errors import WireError, from_oss_error, stopping


async def answer_response(service: Service, request: Request) -> Response:
    """The answer to a request.

    Raises:
        WireError, Unfit, OssError: it cannot be answered.
        ClientDisconnect: nobody wants it any more.
    """
    body = await read_json(request, service.rules)
    asked = await asyncio.to_thread(read_response_request, body, service.served.options())  # schemas take their time
    service.check_model(asked.model)
    history = (*_earlier(service, asked.previous_id), *asked.messages)
    messages = (Message(Role.DEVELOPER, asked.instructions), *history) if asked.instructions else history
    reply = await service.begin(
        request, service.served.chat, service.with_system(messages), asked.options, is_streamed=asked.is_streamed
    )
    answer = _Answer(asked, history, service.served.name, service.kept)
    if asked.is_streamed:
        return ReplyStream(reply, answer.stream(reply))
    try:
        return JsonResponse(await unless_gone(request, answer.whole(reply)))
    finally:
        reply.close()


def _earlier(service: Service, previous_id: str | None) -> Sequence[Message]:
    """What was said before; instructions are not taken over. Raises WireError: nobody knows any more."""
    if previous_id is None:
        return ()
    found = service.kept.find(previous_id)
    if found is None:
        message = f"There is no response {previous_id!r}; they are kept in memory, and only the latest."
        raise WireError(400, message, param="previous_response_id", code="previous_response_not_found")
    return found


class _Answer:
    """One answer on its way."""

    def __init__(self, asked: ResponseRequest, history: Sequence[Message], model: str, kept: KeptResponses) -> None:
        self._asked = asked
        self._history = history
        self._kept = kept
        self._id = f"resp_{secrets.token_hex(24)}"
        self._created = int(time.time())
        self._model = model
        self._spoken = Spoken(may_call=asked.may_call)
        self._items = GrowingItems()
        self._number = -1

    async def whole(self, reply: RunningReply) -> dict[str, object]:
        """All of it at once; raises as the model fails, or WireError if the server was stopped."""
        async for event in reply.events():
            for said in self._spoken.take(event):
                for _ in self._items.take(said):
                    pass
        if self._spoken.was_stopped:
            raise stopping()
        for _ in self._items.end(self._status):
            pass
        self._keep()
        return self._to_json(self._status)

    async def stream(self, reply: RunningReply) -> AsyncIterator[ServerSentEvent]:
        """All of it piece by piece; what goes wrong on the way is the last piece."""
        yield self._event({"type": "response.created", "response": self._to_json("in_progress")})
        yield self._event({"type": "response.in_progress", "response": self._to_json("in_progress")})
        failure: WireError | None = None
        try:
            async for event in reply.events():
                for said in self._spoken.take(event):
                    for value in self._items.take(said):
                        yield self._event(value)
        except OssError as error:
            failure = from_oss_error(error)
        if failure is None and self._spoken.was_stopped:
            failure = stopping()
        status = "failed" if failure is not None else self._status
        for value in self._items.end("completed" if status == "completed" else "incomplete"):
            yield self._event(value)
        if failure is None:
            self._keep()
        yield self._event({"type": f"response.{status}", "response": self._to_json(status, failure)})

    @property
    def _status(self) -> str:
        return "incomplete" if self._spoken.finish_reason == "length" else "completed"

    def _keep(self) -> None:
        if self._asked.is_kept:
            self._kept.keep(self._id, (*self._history, self._spoken.message))

    def _event(self, value: dict[str, object]) -> ServerSentEvent:
        self._number += 1
        return event_of({**value, "sequence_number": self._number}, str(value["type"]))

    def _to_json(self, status: str, failure: WireError | None = None) -> dict[str, object]:
        ended = self._spoken.ended
        is_over = status != "in_progress"
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": {"code": "server_error", "message": failure.message} if failure is not None else None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "model": self._model,
            "output": self._items.to_json() if is_over else [],
            "parallel_tool_calls": False,
            "store": self._asked.is_kept,
            "truncation": "disabled",
            **self._asked.echoes,
            "usage": _usage_to_json(ended.usage) if is_over and ended is not None else None,
        }


def _usage_to_json(usage: Usage) -> dict[str, object]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.reused_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.reply_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.reply_tokens,
    }
