"""A model on a server elsewhere that speaks OpenAI's chat completions: vLLM, SGLang, llama-server, Ollama, others."""

from oss_cli.backends.remote.backend import RemoteBackend
from oss_cli.backends.remote.connection import Connection
from oss_cli.backends.remote.models import ServedModel, ServerKind, find_model, look_at_server
from oss_cli.backends.remote.patience import BATCH_PATIENCE, PATIENCE, Patience
from oss_cli.backends.remote.server import Server

__all__ = [
    "BATCH_PATIENCE",
    "PATIENCE",
    "Connection",
    "Patience",
    "RemoteBackend",
    "ServedModel",
    "Server",
    "ServerKind",
    "find_model",
    "look_at_server",
]
