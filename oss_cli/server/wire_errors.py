"""What goes wrong as OpenAI's API says it: a status and `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Mapping

from oss_cli.conversation.json_form import Unfit
from oss_cli.conversation.option_json import UnsupportedFields
from oss_cli.errors import BadUsage, DoesNotFit, EngineFailed, OssError, PromptTooLong, UnknownModel


class WireError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})
        self.numbers: dict[str, int] = {}
        """What else stands beside the message, for programs."""

    def to_json(self) -> dict[str, object]:
        """The body of the answer."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": {**error, **self.numbers}}


def bad_request(message: str, param: str | None = None, code: str | None = None) -> WireError:
    """What the client sent cannot be answered."""
    return WireError(400, message, param=param, code=code)


def unfit(error: Unfit) -> WireError:
    """A field that is missing, wrong, or not supported."""
    code = "unsupported_parameter" if isinstance(error, UnsupportedFields) else "invalid_value"
    return bad_request(str(error), _bare(error.place), code)


def unknown_model(name: str, served: str) -> WireError:
    """A model that is not the one that is served."""
    message = f"The model {name!r} is not served here; {served} is."
    return WireError(404, message, param="model", code="model_not_found")


def too_busy(retry_after_s: int) -> WireError:
    """All places are taken, those to wait in as well."""
    headers = {"retry-after": str(retry_after_s)}
    return WireError(
        429, "Too many requests wait already.", kind="rate_limit_error", code="queue_full", headers=headers
    )


def stopping() -> WireError:
    """The server was told to end."""
    return WireError(503, "The server is stopping.", kind="server_error", code="stopping")


def from_oss_error(error: OssError) -> WireError:
    """An error of ours."""
    message = ": ".join(part for part in (error.message, " ".join(error.cause.splitlines())) if part)
    if isinstance(error, PromptTooLong):
        told = bad_request(message, code="context_length_exceeded")
        # Under llama-server's names.
        told.numbers = {"n_prompt_tokens": error.prompt_tokens, "n_ctx": error.context_tokens}
        return told
    if isinstance(error, DoesNotFit):
        return bad_request(message, code="context_length_exceeded")
    if isinstance(error, UnknownModel):
        return WireError(404, message, param="model", code="model_not_found")
    if isinstance(error, BadUsage):
        return bad_request(message)
    code = "engine_failed" if isinstance(error, EngineFailed) else None
    return WireError(500, message, kind="server_error", code=code)


def bug() -> WireError:
    """Something that should not have happened; what it was is told to whoever runs the server, not to the client."""
    return WireError(500, "Something went wrong inside the server.", kind="server_error")


def _bare(place: str) -> str:
    """Where a field stands, without the body around it."""
    return place.removeprefix("body.")
