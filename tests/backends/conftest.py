"""Backends on the real llama.cpp: the tiny gpt-oss and SmolLM2."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.plan import LoadPlan
from oss_cli.prompts.base import PromptFormat
from oss_cli.wiring import choose_format

OpenBackend = Callable[..., LocalBackend]


@pytest.fixture
def open_backend(tiny_gpt_oss: Path) -> Iterator[OpenBackend]:
    """Opens a backend, of the tiny gpt-oss unless it is told another file; every one is closed again."""
    engines: list[LlamaEngine] = []

    def open_one(
        path: Path = tiny_gpt_oss,
        *,
        context_tokens: int | None = None,
        write: Callable[[LlamaEngine], PromptFormat] | None = None,
    ) -> LocalBackend:
        engine = open_engine(LoadPlan(path, 1, context_tokens=context_tokens))
        engines.append(engine)
        prompt_format = write(engine) if write is not None else choose_format(engine.model)
        return LocalBackend(engine, prompt_format, LocalModel("m", SamplingOptions(temperature=0.0)))

    yield open_one
    for engine in engines:
        engine.close()
