"""What goes wrong with a server → our errors, each with its cause and the next command. Knows no requests."""

from oss_cli.backends.remote.connection import Refused
from oss_cli.backends.remote.context_errors import Overrun, find_overrun
from oss_cli.backends.remote.patience import Patience
from oss_cli.backends.remote.server import Server
from oss_cli.backends.remote.wire import Refusal
from oss_cli.errors import (
    DoesNotFit,
    OssError,
    PromptTooLong,
    ReplyBroken,
    RequestRefused,
    ServerBusy,
    ServerDenied,
    ServerFailed,
    ServerUnreachable,
    quoted,
)
from oss_cli.http import HttpTrouble

_BUSY = (429, 502, 503, 504)
_SHORTEN = "shorten it, or give the server a longer context"


def next_wait(failure: HttpTrouble | Refused, tried: int, patience: Patience) -> float | None:
    """How long to wait before a request that failed is tried again; None: that would not help, or was done enough."""
    if isinstance(failure, Refused):
        is_passing, asked_s = failure.refusal.status in _BUSY, failure.refusal.wait_s
    else:
        may_come = not _is_nobody(failure) or tried <= patience.reconnects
        is_passing, asked_s = may_come and not (failure.is_tls or failure.is_silence), None
    return patience.wait_s(tried, asked_s) if is_passing else None


def tell_wait(failure: HttpTrouble | Refused, wait_s: float) -> str:
    """What a person is told of it."""
    if isinstance(failure, Refused):
        what = f"the server is busy ({_said(failure.refusal)})"
    else:
        what = f"the server {'cannot be reached' if _is_nobody(failure) else 'gave no reply'} ({failure.reason})"
    return f"{what}: trying again in {wait_s:.0f} s" if wait_s >= 1 else f"{what}: trying again"


def explain(failure: HttpTrouble | Refused, server: Server) -> OssError:
    """The error for a request that brought nothing. Of unknown models the caller knows more: see `is_unknown_model`."""
    if isinstance(failure, HttpTrouble):
        return _unreachable(failure, server)
    refusal = failure.refusal
    overrun = find_overrun(refusal) if refusal.status >= 400 else None
    if overrun is not None:
        return _too_long(overrun, refusal)
    if refusal.status in (401, 403):
        return _denied(refusal, server)
    if refusal.status in _BUSY:
        return _busy(refusal, server)
    return _refused(refusal, server)


def _busy(refusal: Refusal, server: Server) -> OssError:
    cause = _said(refusal)
    if refusal.wait_s is not None:
        cause += f"\nit asks to be left alone for {refusal.wait_s:,.0f} s"
    return ServerBusy(f"{server.called} is busy", cause=cause, hint=_look(server))


def _refused(refusal: Refusal, server: Server) -> OssError:
    if not refusal.is_json or (refusal.status == 404 and not refusal.message):
        return _no_such_server(refusal, server)
    if refusal.status >= 500:
        return ServerFailed(f"{server.called} failed", cause=_said(refusal), hint="see the server's own log")
    hint = _look(server) if refusal.status in (404, 405) else "leave out the option that it names"
    return RequestRefused(f"{server.called} does not take this request", cause=_said(refusal), hint=hint)


def is_unknown_model(failure: Refused) -> bool:
    """Whether a server says that it has no such model: with 404, and its name for it."""
    refusal = failure.refusal
    is_about_models = "model" in refusal.message.casefold() or refusal.fields.get("code") == "model_not_found"
    return refusal.status in (400, 404) and is_about_models and not _is_route(refusal) and find_overrun(refusal) is None


def broken(reason: str, server: Server) -> ReplyBroken:
    """The error for a reply that broke off after some of it had come."""
    hint = f"what has come stands above; to see whether the server is still there: {_look(server)}"
    return ReplyBroken("the reply broke off", cause=f"{server.called}: {reason}", hint=hint)


def _is_route(refusal: Refusal) -> bool:
    """Whether a 404 speaks of the address, and a 400 of something else."""
    said = refusal.message.casefold()
    return refusal.status == 400 and not any(word in said for word in ("not found", "does not exist", "invalid model"))


def _is_nobody(trouble: HttpTrouble) -> bool:
    """Whether there was no connection at all."""
    return trouble.reason.startswith("no connection")


def _unreachable(trouble: HttpTrouble, server: Server) -> OssError:
    if trouble.is_silence:
        cause = f"nothing has come for {server.silence_s:,.0f} s"
        return ServerUnreachable(
            f"{server.called} does not answer", cause=cause, hint="timeout_s in [servers.NAME] allows more"
        )
    if not trouble.is_tls and not _is_nobody(trouble):
        return ServerFailed(
            f"{server.called} gave no reply", cause=trouble.reason, hint="see the server's own log: it may say why"
        )
    if not trouble.is_tls:
        hint = f"start it, or mend the address, then: {_look(server)}"
        return ServerUnreachable(
            f"{server.called} cannot be reached", cause=f"{server.url}: {trouble.reason}", hint=hint
        )
    is_plain = any(
        sign in trouble.reason for sign in ("WRONG_VERSION", "wrong version", "RECORD_LAYER", "record layer")
    )
    hint = "set SSL_CERT_FILE to a file that has the certificate of who signed it"
    if is_plain:
        hint = f"if it speaks no TLS: --server {quoted(server.url.replace('https:', 'http:', 1))}"
    return ServerUnreachable(f"{server.called} cannot be trusted", cause=trouble.reason, hint=hint)


def _too_long(overrun: Overrun, refusal: Refusal) -> OssError:
    prompt, context = overrun.prompt_tokens, overrun.context_tokens
    if not context or (prompt and prompt <= context and not overrun.reply_tokens):
        return DoesNotFit("the prompt is longer than the server's context", cause=_said(refusal), hint=_SHORTEN)
    if prompt and prompt < context:
        cause = (
            f"the prompt takes {prompt:,} tokens, and {overrun.reply_tokens:,} were asked for\n"
            f"the server's context holds {context:,}"
        )
        return DoesNotFit("there is no room for so long a reply", cause=cause, hint=f"--max-tokens {context - prompt}")
    if not prompt:
        return DoesNotFit(
            "the prompt is longer than the server's context", cause=f"it holds {context:,} tokens", hint=_SHORTEN
        )
    error = PromptTooLong(prompt_tokens=prompt, context_tokens=context, trained_tokens=context)
    error.hint = _SHORTEN
    return error


def _denied(refusal: Refusal, server: Server) -> OssError:
    hint = "put the key into OSS_API_KEY, or name its variable: oss config set servers.NAME.api_key_env VARIABLE"
    if server.api_key:
        return ServerDenied(f"{server.called} does not accept this key", cause=_said(refusal), hint=hint)
    return ServerDenied(f"{server.called} wants a key", cause=_said(refusal), hint=hint)


def _no_such_server(refusal: Refusal, server: Server) -> OssError:
    if 300 <= refusal.status < 400:
        cause = f"it sends us to {refusal.location or 'another address'}, and keys and prompts go where you say alone"
        return ServerFailed(f"{server.called} is somewhere else", cause=cause, hint="--server with that address")
    cause = f"{server.url} answers with HTTP {refusal.status} and no JSON"
    hint = f"the address of most ends in /v1: --server {quoted(server.root + '/v1')}"
    if refusal.is_json:
        cause = f"{server.url} answers with HTTP {refusal.status}"
    return ServerFailed(f"{server.called} is no OpenAI-compatible server", cause=cause, hint=hint)


def _said(refusal: Refusal) -> str:
    return f"HTTP {refusal.status}" + (f": {refusal.message}" if refusal.message else "")


def _look(server: Server) -> str:
    return f"oss models --server {quoted(server.called)}"
