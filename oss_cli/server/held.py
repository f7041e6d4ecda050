"""What `oss run` and `oss chat` ask a process that keeps a model in memory for them: our own events, not OpenAI's.

    GET /oss/hello?nonce=N   proof that who answers has the token; needs none
    GET /oss/status          what it does just now; so does the answer of the next two
    POST /oss/keep           {"keep_alive_s": N}: stay for so long after the last use
    POST /oss/stop           leave, once the replies are made
    POST /oss/count          {"format", ...}: a request as `conversation/wire_form.py` has it, or a "text" → {"tokens"}
    POST /oss/reply          {"format", ...} → an event a line; the last one is "ended" or "error"

`format` is "chat", or "plain" for a text that is gone on with. Both ends are of one version: see `holders/wanted.py`.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from oss_cli.backends.base import Backend
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.wire_form import error_to_json, event_to_json, request_from_json
from oss_cli.errors import OssError
from oss_cli.server.admission import Admission
from oss_cli.server.json_body import read_json
from oss_cli.server.replies import RunningReply
from oss_cli.server.service import Endpoint, Service, unless_gone, wait_until_gone

_LONGEST_NONCE = 128


class Keeping:
    """How long a holder stays. Lives on the event loop."""

    def __init__(
        self,
        keep_alive_s: int,
        token: str,
        measure_memory: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """measure_memory: bytes that this process takes; 0: nobody can tell."""
        self.keep_alive_s = keep_alive_s
        self.token = token
        self.measure_memory = measure_memory
        self._clock = clock
        self._used_at = clock()
        self.is_told_to_leave = False

    def note_use(self) -> None:
        """It is used now."""
        self._used_at = self._clock()

    @property
    def idle_left_s(self) -> float:
        """Until it leaves, if nobody asks it anything."""
        return max(0.0, self._used_at + self.keep_alive_s - self._clock())

    def is_over(self, admission: Admission) -> bool:
        """Whether it is to leave now; to be asked again and again."""
        if admission.running or admission.waiting:
            self.note_use()
        return self.is_told_to_leave or self.idle_left_s <= 0


def held_endpoints(keeping: Keeping) -> Mapping[str, tuple[str, Endpoint]]:
    """The paths above, by which they are asked and what answers."""

    async def hello(service: Service, request: Request) -> Response:
        nonce = request.query_params.get("nonce", "")[:_LONGEST_NONCE]
        return PlainTextResponse(hmac.new(keeping.token.encode(), nonce.encode(), hashlib.sha256).hexdigest())

    async def status(service: Service, request: Request) -> Response:
        return _line(_describe(service, keeping))

    async def keep(service: Service, request: Request) -> Response:
        keep_alive_s = Fields(await read_json(request, service.rules), "").whole("keep_alive_s")
        if keep_alive_s <= 0:
            raise Unfit("keep_alive_s", "must be above 0")
        keeping.keep_alive_s = keep_alive_s
        keeping.note_use()
        return _line(_describe(service, keeping))

    async def stop(service: Service, request: Request) -> Response:
        keeping.is_told_to_leave = True
        return _line(_describe(service, keeping))

    async def count(service: Service, request: Request) -> Response:
        keeping.note_use()
        given = Fields(await read_json(request, service.rules), "")
        backend = _backend(service, given)
        try:
            return _line({"tokens": await asyncio.to_thread(_count, backend, given)})
        except OssError as error:
            return _line(error_to_json(error))

    async def reply(service: Service, request: Request) -> Response:
        keeping.note_use()
        given = Fields(await read_json(request, service.rules), "")
        backend = _backend(service, given)
        messages, options = request_from_json(given)
        given.end()
        try:
            service.check_answers()
            begun = service.replies.start(backend, messages, options, tells_tokens=True)
            return EventLines(await unless_gone(request, begun))
        except OssError as error:
            return _line(error_to_json(error))

    return {
        "/oss/hello": ("GET", hello), "/oss/status": ("GET", status), "/oss/keep": ("POST", keep),
        "/oss/stop": ("POST", stop), "/oss/count": ("POST", count), "/oss/reply": ("POST", reply),
    }  # fmt: skip


class EventLines(Response):
    """A reply, an event a line. Stops the model when the client goes away."""

    media_type = "application/jsonl"

    def __init__(self, reply: RunningReply) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.ensure_future(self._send_all(send))
        gone = asyncio.ensure_future(wait_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._reply.close()
            sending.cancel()
            gone.cancel()

    async def _send_all(self, send: Send) -> None:
        try:
            async for event in self._reply.events():
                await _send_line(send, event_to_json(event))
        except OssError as error:
            await _send_line(send, error_to_json(error))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _line(value: object) -> Response:
    return Response(_as_text(value), media_type="application/json")


async def _send_line(send: Send, value: object) -> None:
    await send({"type": "http.response.body", "body": _as_text(value).encode(), "more_body": True})


def _as_text(value: object) -> str:
    """One line; half a surrogate pair, which a tokenizer may give, goes as it came."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def _describe(service: Service, keeping: Keeping) -> dict[str, object]:
    admission = service.replies.admission
    return {
        "running": admission.running,
        "waiting": admission.waiting,
        "keep_alive_s": keeping.keep_alive_s,
        "idle_left_s": keeping.idle_left_s,
        "memory_bytes": keeping.measure_memory(),
    }


def _backend(service: Service, given: Fields) -> Backend:
    """Raises Unfit: it says neither."""
    name = given.text("format")
    if name not in ("chat", "plain"):
        raise Unfit("format", "must be chat or plain")
    return service.served.plain if name == "plain" else service.served.chat


def _count(backend: Backend, given: Fields) -> int:
    text = given.text_or_none("text")
    if text is not None:
        return backend.count_text_tokens(text)
    return backend.count_tokens(*request_from_json(given))
