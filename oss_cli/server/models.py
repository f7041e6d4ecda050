"""`/v1/models`: the one model that is here."""

from starlette.requests import Request
from starlette.responses import Response

from oss_cli.server.json_body import JsonResponse
from oss_cli.server.service import Service


async def list_models(service: Service, request: Request) -> Response:
    """All models."""
    return JsonResponse({"object": "list", "data": [_describe(service)]})


async def show_model(service: Service, request: Request) -> Response:
    """One model.

    Raises:
        WireError: it is another one.
    """
    service.check_model(request.path_params["name"])
    return JsonResponse(_describe(service))


def _describe(service: Service) -> dict[str, object]:
    served = service.served
    # A name that is a path is known to who has it; others need not learn how this computer's folders are called.
    aliases = [name for name in served.names[1:] if not name.lower().endswith(".gguf")]
    return {
        "id": served.name,
        "aliases": aliases,
        "object": "model",
        "created": served.created,
        "owned_by": "oss",
        "max_model_len": served.chat.context_tokens,
    }
