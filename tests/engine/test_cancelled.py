"""A generation that is told to end by a signal, from another thread than the one that waits for it."""

import threading
from typing import Any

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Ended, EndReason, GenerationRequest, Sampled
from tests.engine.conftest import OpenEngine
from tests.engine.generation import generate
from tests.engine.test_generation import EXAMPLES


def _example(title: str) -> dict[str, Any]:
    return next(one for one in EXAMPLES if one["title"] == title)


SAY = _example("say, low effort")
COUNT = _example("long count")
ENDLESS = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1194, 1196), -100.0))


def test_a_signal_ends_a_reply_as_cancelled(open_tiny: OpenEngine) -> None:
    engine, signal = open_tiny(context_tokens=4096), threading.Event()
    request = GenerationRequest(list(SAY["prompt_ids"]), ENDLESS, lambda token: GO_ON, cancelled=signal)
    steps = []
    for step in engine.generate(request):
        steps.append(step)
        if len(steps) == 20:
            signal.set()
    assert isinstance(steps[-1], Ended) and steps[-1].reason is EndReason.CANCELLED
    assert generate(engine, list(SAY["prompt_ids"])).tokens == SAY["answer_ids"]


def test_a_signal_that_was_given_before_ends_it_at_once(open_tiny: OpenEngine) -> None:
    engine, signal = open_tiny(), threading.Event()
    signal.set()
    request = GenerationRequest(list(SAY["prompt_ids"]) * 8, ENDLESS, lambda token: GO_ON, cancelled=signal)
    steps = list(engine.generate(request))
    assert isinstance(steps[-1], Ended) and steps[-1].reason is EndReason.CANCELLED
    assert not any(isinstance(step, Sampled) for step in steps)


def test_others_go_on_as_if_nothing_had_happened(open_tiny: OpenEngine) -> None:
    engine, signal = open_tiny(context_tokens=4096, sequences=2), threading.Event()
    request = GenerationRequest(list(SAY["prompt_ids"]), ENDLESS, lambda token: GO_ON, cancelled=signal)
    ended: list[object] = []
    other = threading.Thread(target=lambda: ended.append(list(engine.generate(request))[-1]))
    other.start()
    counted: list[int] = []
    count = GenerationRequest(list(COUNT["prompt_ids"]), SamplingOptions(temperature=0.0), lambda token: GO_ON)
    for step in engine.generate(count):
        if isinstance(step, Sampled):
            counted.append(step.token)
        if len(counted) == 30:
            signal.set()
    other.join(30)
    assert isinstance(ended[0], Ended) and ended[0].reason is EndReason.CANCELLED
    assert counted == COUNT["answer_ids"]
