"""A backend that was closed answers everything with one error, whatever it knew before; counting on the way is safe."""

import itertools
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from oss_cli.backends.local import LocalBackend
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.engine.llama.engine import open_engine
from oss_cli.engine.llama.model import load_header
from oss_cli.errors import EngineFailed
from oss_cli.plan import LoadPlan
from tests.backends.conftest import OpenBackend

ASKED = [user_message("Say the word banana.")]
OPTIONS = ReplyOptions("2026-11-23")

USES: dict[str, Callable[[LocalBackend], object]] = {
    "a text counted before": lambda backend: backend.count_text_tokens("banana"),
    "another text": lambda backend: backend.count_text_tokens("Why is the sky blue?"),
    "a prompt counted before": lambda backend: backend.count_tokens(ASKED, OPTIONS),
    "another prompt": lambda backend: backend.count_tokens([user_message("Why?")], OPTIONS),
    "its context": lambda backend: backend.context_tokens,
    "a reply": lambda backend: list(backend.reply(ASKED, OPTIONS)),
}


def told(use: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(EngineFailed) as caught:
        use()
    return caught.value.message, caught.value.cause


@pytest.mark.parametrize("is_template", [False, True])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_closed_backend_says_that_it_is_closed(
    open_backend: OpenBackend, smollm2: Path, use: Callable[[LocalBackend], object], is_template: bool
) -> None:
    backend = open_backend(smollm2) if is_template else open_backend()
    assert backend.count_text_tokens("banana") > 0
    assert backend.count_tokens(ASKED, OPTIONS) > 0
    backend.close()
    backend.close()
    assert told(lambda: use(backend)) == ("the model is unloaded", "it was closed")


def test_a_closed_models_vocabulary_and_header_say_so_too(tiny_gpt_oss: Path) -> None:
    model = load_header(tiny_gpt_oss)
    vocabulary = model.vocabulary
    assert vocabulary.tokenize("banana", parse_special=False)
    model.close()
    model.close()
    uses: list[Callable[[], object]] = [
        lambda: vocabulary.tokenize("banana", parse_special=False),
        lambda: vocabulary.name(3),
        lambda: vocabulary.piece(99),
        lambda: vocabulary.is_end(99),
        lambda: vocabulary.is_control(99),
        lambda: vocabulary.is_special(99),
        lambda: vocabulary.special("<|nothing|>"),
        vocabulary.special_names,
        lambda: model.metadata("general.name"),
        lambda: model.chat_template,
    ]
    assert [told(use) for use in uses] == [("the model is unloaded", "it was closed")] * len(uses)


def count_until_closed(backend: LocalBackend, counted: threading.Event, errors: list[str]) -> None:
    for number in itertools.count():
        try:
            assert backend.count_text_tokens(f"{number} bananas, " * 2000) > 0
        except EngineFailed as error:
            errors.append(error.message)
            return
        counted.set()


def test_texts_are_counted_on_another_thread_while_the_model_is_closed(open_backend: OpenBackend) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(5):
            backend = open_backend()
            counted = threading.Event()
            errors: list[str] = []
            threads = [threading.Thread(target=count_until_closed, args=(backend, counted, errors)) for _ in range(2)]
            for thread in threads:
                thread.start()
            counted.wait()
            backend.close()
            for thread in threads:
                thread.join()
            assert errors == ["the model is unloaded"] * 2
    finally:
        sys.setswitchinterval(before)


def test_a_closed_engine_has_no_room(tiny_gpt_oss: Path) -> None:
    engine = open_engine(LoadPlan(tiny_gpt_oss, 1))
    assert engine.most_tokens == engine.trained_tokens
    engine.close()
    assert told(lambda: engine.most_tokens) == ("the model is unloaded", "it was closed")
