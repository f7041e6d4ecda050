"""`/v1/embeddings`: vectors of texts.

Source: OpenAI's API reference, "Create embeddings" (2026-11).
"""

import base64
from array import array
from dataclasses import dataclass
from sys import byteorder

from starlette.requests import Request
from starlette.responses import Response

from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.option_json import UnsupportedFields, refuse_others
from oss_cli.server.json_body import JsonResponse, read_json
from oss_cli.server.replies import RunningReply
from oss_cli.server.request_fields import drop
from oss_cli.server.service import Service, unless_gone
from oss_cli.server.wire_errors import bad_request

_MOST_TEXTS = 2048
"""As OpenAI has it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    model: str | None
    texts: list[str]
    is_base64: bool
    dimensions: object


async def answer_embeddings(service: Service, request: Request) -> Response:
    """The vectors of a request's texts.

    Raises:
        WireError, Unfit, OssError: they cannot be made.
        ClientDisconnect: nobody wants them any more.
    """
    asked = _read(await read_json(request, service.rules))
    service.check_model(asked.model)
    embedder = service.served.embedder
    if embedder is None:
        message = f"{service.served.name} answers; it is not made for embeddings: its file names no pooling."
        raise bad_request(message, "model", "no_embeddings")
    made: list[tuple[list[float], int]] = []

    def make(work: RunningReply) -> None:
        for text in asked.texts:
            if work.cancelled.is_set():
                break
            made.append(embedder.embed(text))

    work = await unless_gone(request, service.replies.run(make))
    try:
        await unless_gone(request, work.next())
    finally:
        work.close()
    if asked.dimensions not in (None, len(made[0][0])):
        raise Unfit("dimensions", f"can only be {len(made[0][0])}")
    data = [
        {"object": "embedding", "index": index, "embedding": _encode(vector) if asked.is_base64 else vector}
        for index, (vector, _) in enumerate(made)
    ]
    tokens = sum(count for _, count in made)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JsonResponse({"object": "list", "data": data, "model": service.served.name, "usage": usage})


def _read(value: dict[str, object]) -> _Asked:
    body = Fields(value, "")
    drop(body, "user")
    texts = body.take("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not 0 < len(texts) <= _MOST_TEXTS:
        raise Unfit("input", f"must be a text or a list of up to {_MOST_TEXTS} texts")
    if not all(isinstance(text, str) for text in texts):
        raise UnsupportedFields(["input other than texts"])
    if "" in texts:
        raise Unfit("input", "must not be empty")
    encoding = body.text("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise Unfit("encoding_format", "must be float or base64")
    asked = _Asked(body.text_or_none("model"), texts, encoding == "base64", body.take("dimensions"))
    refuse_others(body)
    return asked


def _encode(vector: list[float]) -> str:
    """Little-endian floats of 32 bits, as OpenAI's client reads them."""
    values = array("f", vector)
    if byteorder == "big":
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()
