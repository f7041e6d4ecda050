"""`/v1/completions`: a text in, how it goes on out. No conversation, no format.

Source: OpenAI's API reference, "Create completion" (legacy; 2026-11).
"""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from sse_starlette import ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from oss_cli.conversation.events import StopReason, TextDelta, TokenChance, TokensSampled, TurnEnded
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.option_json import UnsupportedFields, refuse_others
from oss_cli.conversation.options import ReplyOptions
from oss_cli.errors import OssError
from oss_cli.server.answer_chances import AnswerChances
from oss_cli.server.chat_completions import usage_to_json
from oss_cli.server.json_body import JsonResponse, read_json
from oss_cli.server.replies import RunningReply
from oss_cli.server.request_fields import (
    drop,
    read_chance_count,
    read_sampling,
    read_stream_options,
    read_switch,
    refuse_unless,
)
from oss_cli.server.service import DONE, ReplyStream, Service, event_of, unless_gone
from oss_cli.server.wire_errors import from_oss_error, stopping

_ONLY_AS_IT_IS: dict[str, object] = {
    "n": 1, "best_of": 1, "echo": False, "frequency_penalty": 0, "presence_penalty": 0, "suffix": "",
}  # fmt: skip
_USUAL_TOKENS = 16
"""Most tokens where the request says nothing: OpenAI's own default."""
_LIMITS = (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL)


@dataclass(frozen=True, slots=True)
class _Asked:
    model: str | None
    prompt: str
    options: ReplyOptions
    is_streamed: bool
    wants_usage: bool


async def answer_completion(service: Service, request: Request) -> Response:
    """The answer to a request.

    Raises:
        WireError, Unfit, OssError: it cannot be answered.
        ClientDisconnect: nobody wants it any more.
    """
    asked = _read(await read_json(request, service.rules), service.served.options())
    service.check_model(asked.model)
    reply = await service.begin(
        request, service.served.plain, [user_message(asked.prompt)], asked.options, is_streamed=asked.is_streamed
    )
    answer = _Answer(asked, service.served.name)
    if asked.is_streamed:
        return ReplyStream(reply, answer.stream(reply))
    try:
        return JsonResponse(await unless_gone(request, answer.whole(reply)))
    finally:
        reply.close()


class _Answer:
    """One answer on its way."""

    def __init__(self, asked: _Asked, model: str) -> None:
        self._asked = asked
        self._chances = AnswerChances()
        self._length = 0
        self._ended: TurnEnded | None = None
        self._frame: dict[str, object] = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    async def whole(self, reply: RunningReply) -> dict[str, object]:
        """All of it at once; raises as the model fails, or WireError if the server was stopped."""
        pieces = [piece async for piece in self._pieces(reply)]
        if self._ended is None or self._ended.reason is StopReason.CANCELLED:
            raise stopping()
        chances = [chance for _, some in pieces for chance in some]
        choice = self._choice("".join(text for text, _ in pieces), chances, self._finish_reason)
        return {**self._frame, "choices": [choice], "usage": usage_to_json(self._ended.usage)}

    async def stream(self, reply: RunningReply) -> AsyncIterator[ServerSentEvent]:
        """All of it piece by piece; what goes wrong on the way is the last piece."""
        usage: dict[str, object] = {"usage": None} if self._asked.wants_usage else {}
        try:
            async for text, chances in self._pieces(reply):
                yield event_of({**self._frame, "choices": [self._choice(text, chances, None)], **usage})
        except OssError as error:
            yield event_of(from_oss_error(error).to_json())
            return
        if self._ended is None or self._ended.reason is StopReason.CANCELLED:
            yield event_of(stopping().to_json())
            return
        yield event_of({**self._frame, "choices": [self._choice("", [], self._finish_reason)], **usage})
        if self._asked.wants_usage:
            yield event_of({**self._frame, "choices": [], "usage": usage_to_json(self._ended.usage)})
        yield DONE

    async def _pieces(self, reply: RunningReply) -> AsyncIterator[tuple[str, Sequence[TokenChance]]]:
        async for event in reply.events():
            match event:
                case TokensSampled():
                    self._chances.add(event.chances)
                case TextDelta(text):
                    yield text, self._chances.of(text)
                case TurnEnded():
                    self._ended = event

    @property
    def _finish_reason(self) -> str:
        return "length" if self._ended is not None and self._ended.reason in _LIMITS else "stop"

    def _choice(self, text: str, chances: Sequence[TokenChance], finish_reason: str | None) -> dict[str, object]:
        logprobs = self._logprobs(chances) if self._asked.options.chances is not None else None
        return {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}

    def _logprobs(self, chances: Sequence[TokenChance]) -> dict[str, object]:
        offsets = []
        for chance in chances:
            offsets.append(self._length)
            self._length += len(_as_text(chance.piece))
        return {
            "tokens": [_as_text(chance.piece) for chance in chances],
            "token_logprobs": [chance.logprob for chance in chances],
            "top_logprobs": [{_as_text(piece): logprob for piece, logprob in one.likeliest} for one in chances],
            "text_offset": offsets,
        }


def _read(value: dict[str, object], defaults: ReplyOptions) -> _Asked:
    body = Fields(value, "")
    drop(body, "user", "cache_prompt")
    refuse_unless(body, _ONLY_AS_IT_IS)
    wants_usage = body.part("stream_options", read_stream_options) or False
    usual = replace(defaults.sampling, max_tokens=defaults.sampling.max_tokens or _USUAL_TOKENS)
    options = replace(
        defaults, sampling=read_sampling(body, "max_tokens").over(usual), chances=read_chance_count(body, "logprobs")
    )
    asked = _Asked(body.text_or_none("model"), _read_prompt(body), options, read_switch(body, "stream"), wants_usage)
    refuse_others(body)
    return asked


def _read_prompt(body: Fields) -> str:
    prompt = body.take("prompt")
    if isinstance(prompt, list):
        if len(prompt) == 1 and isinstance(prompt[0], str):
            return prompt[0]
        raise UnsupportedFields(["prompt other than one text"])
    if not isinstance(prompt, str) or not prompt:
        raise Unfit("prompt", "is missing" if not prompt else "must be a text")
    return prompt


def _as_text(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")
