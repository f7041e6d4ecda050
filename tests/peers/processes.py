"""Real servers of other projects, as children on the loopback."""

import contextlib
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from tests.llama_tools import find_tool

_PATIENCE_S = 60


def free_port() -> int:
    """A port that nobody has; until somebody takes it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@contextlib.contextmanager
def serving(command: Sequence[str | Path], port: int, health: str) -> Iterator[str]:
    """A child that serves; its address, once it answers. health: the page that tells."""
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as log:  # a pipe that nobody reads would stop it
        child = subprocess.Popen([*command], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(child, address + health, log)
            yield address
        finally:
            child.terminate()
            child.wait(30)


def llama_server(model: Path, *arguments: str) -> contextlib.AbstractContextManager[str]:
    """llama.cpp's own server."""
    port = free_port()
    command: list[str | Path] = [
        find_tool("llama-server"),
        "-m",
        model,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "-t",
        "1",
        "-c",
        "4096",
    ]
    return serving([*command, "--jinja", "-a", model.stem, *arguments], port, "/health")


def llama_cpp_python_server(model: Path) -> contextlib.AbstractContextManager[str]:
    """llama-cpp-python's own server, which its extra brings."""
    if importlib.util.find_spec("fastapi") is None:
        pytest.fail(f"{sys.executable} -m pip install 'llama-cpp-python[server]'", pytrace=False)
    port = free_port()
    command: list[str | Path] = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "llama_cpp.server",
        "--model",
        model,
        "--port",
        str(port),
    ]
    return serving([*command, "--n_ctx", "2048", "--n_threads", "1"], port, "/v1/models")


def _wait(child: "subprocess.Popen[bytes]", page: str, log: IO[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            log.seek(0)
            pytest.fail(f"the server has ended:\n{log.read()}", pytrace=False)
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError),
            urllib.request.urlopen(page, timeout=5),
        ):
            return
        time.sleep(0.1)
    pytest.fail(f"nobody answers at {page}", pytrace=False)
