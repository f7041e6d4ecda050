"""After a pull everything works with no network: not one attempt to connect is made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.fake_hub import FakeHub

# Loaded by Python before anything else; an audit hook sees every way to a socket, and cannot be taken off.
GUARD = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["ATTEMPTS"], "a") as file:
            file.write(f"{event} {arguments[1:]}\\n")
        raise OSError("no network in this test")

sys.addaudithook(refuse)
"""


def oss(*arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "oss_cli", *arguments],
        env={**os.environ, **environment}, input=stdin, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture
def offline(tmp_path: Path, tiny_gpt_oss: Path) -> dict[str, str]:
    """A model that was pulled, and then a world in which every connection is refused and written down."""
    folder = tmp_path / "guard"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(GUARD)
    with FakeHub(tmp_path) as hub:
        repository = hub.add_repository("org/tiny-GGUF")
        file = repository.add("tiny-MXFP4.gguf", tiny_gpt_oss.read_bytes())
        home = tmp_path / "oss-home"
        home.mkdir()
        (home / "models.toml").write_text(
            f'[models.tiny]\nrepository = "org/tiny-GGUF"\nrevision = "{repository.commit}"\n'
            f'files = [{{ name = "{file.path}", bytes = {file.bytes}, sha256 = "{file.sha256}" }}]\n'
        )
        pulled = oss("pull", "tiny", HF_ENDPOINT=hub.endpoint)
        assert pulled.returncode == 0, pulled.stderr
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", str(Path(__file__).parents[2]))])
    return {"PYTHONPATH": path, "ATTEMPTS": str(tmp_path / "attempts")}


COMMANDS = {
    "run": (["run", "-m", "tiny", "--max-tokens", "40", "-e", "low", "--temperature", "0", "Say the word banana."], ""),
    "run a repository": (["run", "-m", "org/tiny-GGUF", "--max-tokens", "40", "-e", "low", "Say the word banana."], ""),
    "chat": (["chat", "tiny", "--max-tokens", "40", "-e", "low", "--temperature", "0"], "Say the word banana.\n"),
    "list": (["list"], ""),
    "show": (["show", "tiny"], ""),
    "verify": (["verify", "tiny"], ""),
    "pull": (["pull", "tiny"], ""),
    "pull a repository": (["pull", "org/tiny-GGUF"], ""),
}


def test_every_command_works_without_a_network(offline: dict[str, str]) -> None:
    for name, (arguments, stdin) in COMMANDS.items():
        result = oss(*arguments, stdin=stdin, **offline)
        assert result.returncode == 0, (name, result.stderr)
        assert result.stdout, name
    assert not Path(offline["ATTEMPTS"]).exists(), Path(offline["ATTEMPTS"]).read_text()


def test_the_guard_sees_an_attempt(offline: dict[str, str]) -> None:
    result = oss("pull", "org/other-GGUF", **offline)
    assert result.returncode == 6
    assert "socket." in Path(offline["ATTEMPTS"]).read_text()
