"""Servers that many tests share: the tiny gpt-oss and SmolLM2."""

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.server.serving import Server, serving


@pytest.fixture(scope="session")
def server(tiny_gpt_oss: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The tiny gpt-oss, always the likeliest token, two replies at a time."""
    options = ("--parallel", "2", "-o", "temperature=0", "--ctx", "4096")
    with serving(tiny_gpt_oss, tmp_path_factory.mktemp("serve"), *options) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    """OpenAI's client of it."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def small_server(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """SmolLM2, always the likeliest token."""
    options = ("--parallel", "2", "-o", "temperature=0", "--ctx", "2048", "--alias", "smollm2")
    with serving(smollm2, tmp_path_factory.mktemp("serve"), *options) as server:
        yield server
