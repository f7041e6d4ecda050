"""`--server` with llama-cpp-python's own server, which knows no reasoning, counts no tokens and tells no context."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import run_oss
from tests.peers.processes import llama_cpp_python_server

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def address(smollm2: Path) -> Iterator[str]:
    with llama_cpp_python_server(smollm2) as found:
        yield found


def test_it_answers_with_a_template_of_its_own(address: str) -> None:
    result = run_oss("run", "--server", address, "--temperature", "0", "--max-tokens", "30", "Hi")
    assert (result.stdout, result.stderr, result.status) == ("Hello! How can I assist you today?\n", "", 0)


def test_a_chat_a_batch_and_its_models(address: str, smollm2: Path, tmp_path: Path) -> None:
    chat = run_oss("chat", "--server", address, "--temperature", "0", "--max-tokens", "20", stdin="Hi\nHi\n")
    assert chat.status == 0
    assert chat.stdout.startswith("Hello! How can I assist you today?\n")
    source = tmp_path / "in.jsonl"
    source.write_text('{"prompt": "Hi"}\n' * 3)
    batch = run_oss("batch", "--server", address, "--max-tokens", "10", str(source), "-q")
    assert (batch.status, len(batch.stdout.splitlines())) == (0, 3)
    assert str(smollm2) in run_oss("models", "--server", address).stdout


def test_a_prompt_longer_than_the_context_is_an_error(address: str) -> None:
    result = run_oss("run", "--server", address, "banana " * 4000)
    assert result.stdout == ""
    assert result.status in (5, 8)
