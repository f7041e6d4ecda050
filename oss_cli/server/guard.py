"""Who is let in: by the Host that a request names, the web page it comes from, and the key it brings.

A web page can make a browser send requests to this computer, and with a name of its own that leads here (DNS rebinding)
even read the answers. So the Host must be one of ours, and an Origin one that was named.
"""

import hmac
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oss_cli.server.json_body import error_response
from oss_cli.server.served import Rules
from oss_cli.server.wire_errors import WireError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_MOST_HEADER_BYTES = 64 << 10
_OPEN_PATHS = ("/health", "/oss/hello")
"""What needs no key: it tells nothing."""


class Guard:
    """An ASGI application before another one. Checks Host and Origin, then lets web pages that are named ask (CORS)."""

    def __init__(
        self,
        inner: ASGIApp,
        rules: Rules,
        note: Callable[[Scope, int, float], None],
        report: Callable[[BaseException], None],
    ) -> None:
        """note: is told of every answer: its request, status and seconds. report: of what should not have happened."""
        keyed = _KeyCheck(inner, rules.api_key) if rules.api_key else inner
        self._inner: ASGIApp = keyed
        if rules.origins:
            self._inner = CORSMiddleware(
                keyed, allow_origins=rules.origins, allow_methods=["GET", "POST"], allow_headers=["*"], max_age=600
            )
        self._rules = rules
        self._note = note
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        try:
            await (refusal or self._inner)(scope, receive, watched)
        except Exception as error:  # the boundary: whatever gets here is a bug of ours, and its client has been told
            self._report(error)
            raise
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _refusal(self, headers: Headers) -> Response | None:
        if sum(len(name) + len(value) for name, value in headers.raw) > _MOST_HEADER_BYTES:
            return error_response(WireError(431, f"The headers are larger than {_MOST_HEADER_BYTES:,} bytes."))
        host = _without_port(headers.get("host", ""))
        if self._rules.hosts and host not in self._rules.hosts:
            message = f"The Host {host!r} is not one of this server's."
            return error_response(WireError(403, message, code="host_not_allowed"))
        origin = headers.get("origin")
        if origin is not None and "*" not in self._rules.origins and origin not in self._rules.origins:
            message = f"Web pages of {origin!r} may not ask; --cors names those that may."
            return error_response(WireError(403, message, code="origin_not_allowed"))
        return None


class _KeyCheck:
    """Lets in who brings the key."""

    def __init__(self, inner: ASGIApp, key: str) -> None:
        self._inner = inner
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _OPEN_PATHS:
            brought = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(brought, self._expected):  # in the same time, however much of it is right
                code = "invalid_api_key" if brought else None
                error = WireError(
                    401, "The API key is missing or wrong.", code=code, headers={"www-authenticate": "Bearer"}
                )
                await error_response(error)(scope, receive, send)
                return
        await self._inner(scope, receive, send)


def _without_port(host: str) -> str:
    """`localhost:11435` → `localhost`, `[::1]:80` → `[::1]`."""
    name, separator, port = host.lower().rpartition(":")
    return (name if separator and (port.isdigit() or not port) else host.lower()).removesuffix(".")
