"""The application: which path leads where, and what becomes of what goes wrong on the way."""

from collections.abc import Callable, Mapping
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from oss_cli.conversation.json_form import Unfit
from oss_cli.errors import OssError
from oss_cli.server.chat_completions import answer_chat
from oss_cli.server.completions import answer_completion
from oss_cli.server.embeddings import answer_embeddings
from oss_cli.server.guard import Guard
from oss_cli.server.json_body import JsonResponse, error_response
from oss_cli.server.metrics import Metrics
from oss_cli.server.models import list_models, show_model
from oss_cli.server.replies import Replies
from oss_cli.server.responses import answer_response
from oss_cli.server.served import Rules, Served
from oss_cli.server.service import Endpoint, Service
from oss_cli.server.wire_errors import WireError, bug, from_oss_error, unfit

_ENDPOINTS: dict[str, tuple[str, Endpoint]] = {
    "/v1/models": ("GET", list_models),
    "/v1/models/{name:path}": ("GET", show_model),
    "/v1/chat/completions": ("POST", answer_chat),
    "/v1/completions": ("POST", answer_completion),
    "/v1/responses": ("POST", answer_response),
    "/v1/embeddings": ("POST", answer_embeddings),
}
_CLIENT_GONE = 499  # nginx's number for it; nobody reads it


def make_service(served: Served, rules: Rules) -> Service:
    """All that the endpoints need."""
    metrics = Metrics()
    replies = Replies(parallel=rules.parallel, queue=rules.queue, metrics=metrics)
    return Service(served, rules, metrics, replies)


def make_app(
    service: Service,
    *,
    report: Callable[[BaseException], None],
    log: Callable[[str], None] | None = None,
    own: Mapping[str, tuple[str, Endpoint]] | None = None,
) -> ASGIApp:
    """The application that answers.

    report: gets what should not have happened; its client is told that something did.
    log: gets a line about each request, without a word of what was said.
    own: further endpoints, by path; those of `held.py`.
    """
    endpoints = {**_ENDPOINTS, **(own or {})}
    routes = [
        Route(path, partial(endpoint, service), methods=[method]) for path, (method, endpoint) in endpoints.items()
    ]
    routes.append(Route("/health", partial(_health, service), methods=["GET"]))
    routes.append(Route("/metrics", partial(_metrics, service), methods=["GET"]))
    inner = Starlette(
        routes=routes,
        exception_handlers={
            WireError: _answer_wire_error,
            Unfit: _answer_unfit,
            OssError: _answer_oss_error,
            HTTPException: _answer_http_exception,
            ClientDisconnect: _answer_nobody,
            Exception: _answer_bug,
        },
    )

    def note(scope: Scope, status: int, took_s: float) -> None:
        service.metrics.note_request(_known_path(scope["path"]), status)
        if log is not None:
            log(f"{scope['method']} {_known_path(scope['path'])} {status} {took_s:.3f} s\n")

    return Guard(inner, service.rules, note, report)


async def _health(service: Service, request: Request) -> Response:
    is_stopping = service.replies.admission.is_closed
    body = {"status": "stopping" if is_stopping else "ok", "model": service.served.name}
    return JsonResponse(body, status_code=503 if is_stopping else 200)


async def _metrics(service: Service, request: Request) -> Response:
    admission = service.replies.admission
    text = service.metrics.text(running=admission.running, waiting=admission.waiting)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _known_path(path: str) -> str:
    """A path of ours, or a word for all others: what clients make up is not kept."""
    if path in _ENDPOINTS or path in ("/health", "/metrics"):
        return path
    return "/v1/models/*" if path.startswith("/v1/models/") else "other"


def _answer_wire_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WireError)
    return error_response(error)


def _answer_unfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unfit)
    return error_response(unfit(error))


def _answer_oss_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OssError)
    return error_response(from_oss_error(error))


def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = {404: "There is nothing at this address.", 405: "This method is not for this address."}
    text = message.get(error.status_code, error.detail)
    return error_response(WireError(error.status_code, text, headers=error.headers))


def _answer_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)


def _answer_bug(request: Request, error: Exception) -> Response:
    return error_response(bug())
