"""How likely the model held the tokens of a reply: against the logits themselves."""

import math
from pathlib import Path
from typing import Any

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Decision, GenerationRequest, Sampled
from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.model import load_model
from oss_cli.plan import LoadPlan
from tests.engine.conftest import OpenEngine
from tests.engine.test_generation import EXAMPLES


def _example(title: str) -> dict[str, Any]:
    return next(one for one in EXAMPLES if one["title"] == title)


PROMPT: list[int] = _example("say, low effort")["prompt_ids"]


def sampled(engine: object, request: GenerationRequest) -> list[Sampled]:
    return [step for step in engine.generate(request) if isinstance(step, Sampled)]  # type: ignore[attr-defined]


def logits_after(path: Path, tokens: list[int]) -> list[float]:
    model = load_model(LoadPlan(path, 1))
    context = LlamaContext(model, ContextSize(512), threads=1)
    try:
        for position, token in enumerate(tokens):
            index = context.add(token, position=position, sequence=0, wants_logits=position == len(tokens) - 1)
        context.evaluate()
        return list(context.logits(index))
    finally:
        context.close()
        model.close()


@pytest.mark.parametrize("temperature", [0.0, 1.7])
def test_a_chance_is_the_models_own_whatever_the_options(
    tiny_gpt_oss: Path, open_tiny: OpenEngine, temperature: float
) -> None:
    logits = logits_after(tiny_gpt_oss, PROMPT)
    total = math.log(math.fsum(math.exp(one) for one in logits))
    sampling = SamplingOptions(temperature=temperature, seed=3, max_tokens=1, logit_bias={7: 20.0})
    step = sampled(open_tiny(), GenerationRequest(list(PROMPT), sampling, lambda token: GO_ON, chances=4))[0]
    assert step.chance is not None
    assert math.isclose(step.chance.logprob, logits[step.token] - total, abs_tol=1e-3)
    best = sorted(range(len(logits)), key=lambda token: -logits[token])[:4]
    assert [token for token, _ in step.chance.likeliest] == best
    for token, logprob in step.chance.likeliest:
        assert math.isclose(logprob, logits[token] - total, abs_tol=1e-3)


def test_forced_tokens_and_replies_that_do_not_ask_have_none(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    sampling = SamplingOptions(temperature=0.0, max_tokens=3)
    assert all(
        step.chance is None for step in sampled(engine, GenerationRequest(list(PROMPT), sampling, lambda token: GO_ON))
    )
    forced = GenerationRequest(list(PROMPT), sampling, lambda token: Decision(), forced=(20, 21), chances=0)
    first, second, third = sampled(engine, forced)
    assert (first.chance, second.chance) == (None, None)
    assert third.chance is not None and third.chance.likeliest == ()
