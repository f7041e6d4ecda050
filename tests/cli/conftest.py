"""What the tests of `oss pull` need: a Hub on the loopback, and a model for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.fake_hub import FakeHub
from tests.store.gguf_files import write_gguf


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub(tmp_path) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def model(tmp_path: Path) -> bytes:
    """A real GGUF, so that there is a header to be read."""
    return write_gguf(tmp_path / "small.gguf").read_bytes()
