"""JSON in and out of HTTP, within limits. Knows nothing of what it says."""

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from oss_cli.server.served import Rules
from oss_cli.server.wire_errors import WireError, bad_request

_DEEPEST = 64
"""Levels of lists and objects in a request: deeper ones would reach the limits of whoever reads them."""
_LARGE_BYTES = 1 << 18
"""What is larger is read on another thread: 10 ms."""
_CLOSES = {"connection": "close"}
"""The rest of the body is not waited for."""


async def read_json(request: Request, rules: Rules) -> dict[str, object]:
    """The object that a request brings.

    Raises:
        WireError: it is too large, too slow, or no JSON object.
        ClientDisconnect: nobody is there any more.
    """
    data = await _read_body(request, rules)
    value = await asyncio.to_thread(_parse, data) if len(data) > _LARGE_BYTES else _parse(data)
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.")
    return value


class JsonResponse(Response):
    """JSON that is always valid UTF-8."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever is JSON
        """The bytes of a value."""
        return write_json(content).encode()


def write_json(value: object) -> str:
    """A value as JSON; half a surrogate pair, which UTF-8 cannot hold, as its escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


def error_response(error: WireError) -> JsonResponse:
    """An error as an answer."""
    return JsonResponse(error.to_json(), status_code=error.status, headers=error.headers)


async def _read_body(request: Request, rules: Rules) -> bytes:
    too_large = WireError(
        413, f"The body is larger than {rules.most_body_bytes:,} bytes.", code="body_too_large", headers=_CLOSES
    )
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > rules.most_body_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(rules.body_timeout_s):
            async for part in request.stream():
                size += len(part)
                if size > rules.most_body_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        raise WireError(408, "The body did not come in time.", code="body_timeout", headers=_CLOSES) from error
    return b"".join(parts)


def _parse(data: bytes) -> object:
    try:
        value: object = json.loads(data)
    except RecursionError as error:
        raise bad_request("The body is nested too deep.") from error
    except ValueError as error:  # UnicodeDecodeError, and numbers of thousands of digits, are some as well
        raise bad_request(f"The body is not JSON: {error}") from error
    if _depth_of(value) > _DEEPEST:
        raise bad_request(f"The body is nested deeper than {_DEEPEST} levels.")
    return value


def _depth_of(value: object) -> int:
    """How many levels of lists and objects there are; stops to count where there are too many."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        following: list[object] = []
        for one in level:
            if isinstance(one, dict):
                following += one.values()
            elif isinstance(one, list):
                following += one
        level = following
        depth += bool(level)
    return depth


__all__ = ["ClientDisconnect", "JsonResponse", "error_response", "read_json", "write_json"]
