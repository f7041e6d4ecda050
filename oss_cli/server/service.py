"""What every endpoint has at hand: the model, its replies, the rules; and the ways to begin and to end an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from oss_cli.backends.base import Backend
from oss_cli.conversation.messages import Message, Role, system_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.server.json_body import write_json
from oss_cli.server.kept_responses import KeptResponses
from oss_cli.server.metrics import Metrics
from oss_cli.server.replies import Replies, RunningReply
from oss_cli.server.served import Rules, Served
from oss_cli.server.wire_errors import bad_request, unknown_model

_T = TypeVar("_T")

_PING_S = 15
"""A comment so often, while a long prompt is read: proxies and clients give up on silence."""
_SEND_TIMEOUT_S = 120.0
"""A client that takes nothing for so long is gone."""
DONE = ServerSentEvent("[DONE]", sep="\n")
"""The last event of a stream, but for responses."""


@dataclass(frozen=True, slots=True)
class Service:
    """One model, served."""

    served: Served
    rules: Rules
    metrics: Metrics
    replies: Replies
    kept: KeptResponses = field(default_factory=KeptResponses)

    def check_model(self, name: str | None) -> None:
        """Make sure that a request means the model that is here; without a name it does.

        Raises:
            WireError: it means another one.
        """
        if name is not None and name.lower() not in {one.lower() for one in self.served.names}:
            raise unknown_model(name, self.served.name)

    def with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, with the server's instructions if they have none."""
        is_instructed = any(message.role in (Role.SYSTEM, Role.DEVELOPER) for message in messages)
        if is_instructed or not self.served.system:
            return messages
        return (system_message(self.served.system), *messages)

    def check_answers(self) -> None:
        """Raises WireError: the model does not answer."""
        if self.served.embedder is not None:
            message = f"{self.served.name} makes embeddings, and does not answer."
            raise bad_request(message, "model", "only_embeddings")

    async def begin(
        self,
        request: Request,
        backend: Backend,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        is_streamed: bool,
    ) -> RunningReply:
        """A reply that has begun; close it.

        Raises:
            WireError: too many wait already, or the server is stopping.
            OssError: no reply can be made.
            ClientDisconnect: nobody wants it any more.
        """
        self.check_answers()
        return await unless_gone(request, self.replies.start(backend, messages, options, tells_at_once=is_streamed))


Endpoint = Callable[[Service, Request], Awaitable[Response]]
"""What answers at a path."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """What some work brings; it is given up when the client goes away. The body of the request must have been read.

    Raises:
        ClientDisconnect: it went away.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(wait_until_gone(request.receive))
    is_wanted = False
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        is_wanted = True
        return task.result()
    finally:
        gone.cancel()
        if not is_wanted:
            task.cancel()
            task.add_done_callback(_let_go)


class ReplyStream(EventSourceResponse):
    """A reply as server-sent events. Stops the model when the client goes away, whether or not anything was sent."""

    def __init__(self, reply: RunningReply, events: AsyncIterator[ServerSentEvent]) -> None:
        super().__init__(events, ping=_PING_S, sep="\n", send_timeout=_SEND_TIMEOUT_S)
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:  # nobody takes it: the connection ends here
            pass
        finally:
            self._reply.close()


def event_of(value: object, name: str | None = None) -> ServerSentEvent:
    """A value as one event of a stream."""
    return ServerSentEvent(write_json(value), event=name, sep="\n")


async def wait_until_gone(receive: Receive) -> None:
    """Wait for the client to go away; what it still sends is let fall."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _let_go(task: "asyncio.Future[Any]") -> None:
    """Close what came too late."""
    if not task.cancelled() and task.exception() is None and isinstance(task.result(), RunningReply):
        task.result().close()
