"""Engines on the real llama.cpp."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.plan import LoadPlan

OpenEngine = Callable[..., LlamaEngine]


@pytest.fixture
def open_tiny(tiny_gpt_oss: Path) -> Iterator[OpenEngine]:
    """Opens the tiny gpt-oss; every engine is closed again."""
    engines: list[LlamaEngine] = []

    def open_one(*, context_tokens: int | None = None, sequences: int = 1) -> LlamaEngine:
        engine = open_engine(LoadPlan(tiny_gpt_oss, 1, context_tokens=context_tokens, sequences=sequences))
        engines.append(engine)
        return engine

    yield open_one
    for engine in engines:
        engine.close()
