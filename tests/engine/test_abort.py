"""Stopping an evaluation from another thread: inside a batch, at any moment, and the cache stays true."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from oss_cli.engine.base import GO_ON, GenerationRequest, Sampled
from oss_cli.engine.llama.context import ContextSize, Evaluation, LlamaContext
from oss_cli.engine.llama.engine import open_engine
from oss_cli.engine.llama.model import load_model
from oss_cli.plan import LoadPlan
from tests.engine.conftest import OpenEngine
from tests.engine.generation import GREEDY, generate
from tests.engine.test_cache_truth import fresh
from tests.engine.test_generation import EXAMPLES


def test_an_evaluation_ends_inside_its_micro_batch(smollm2: Path) -> None:
    model = load_model(LoadPlan(smollm2, 1))
    context = LlamaContext(model, ContextSize(4096), threads=1)
    try:
        for position in range(512):
            context.add(100 + position, position=position, sequence=0, wants_logits=False)
        is_running = threading.Event()

        def stop() -> None:
            is_running.wait()
            time.sleep(0.02)  # the whole batch takes half a second and more
            context.abort()

        stopper = threading.Thread(target=stop)
        stopper.start()
        is_running.set()
        assert context.evaluate() is Evaluation.ABORTED
        stopper.join()
        context.resume()
        context.remove(0, 0)
        context.add(100, position=0, sequence=0, wants_logits=True)
        assert context.evaluate() is Evaluation.DONE
    finally:
        context.close()
        model.close()


@pytest.mark.parametrize("moment", ["at once", "at the end"])
def test_ctrl_c_stops_a_load_and_leaves_no_thread_behind(smollm2: Path, moment: str) -> None:
    pressed = threading.Event()

    def press(share: float) -> None:
        if (moment == "at once" or share == 1.0) and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # the load goes on only when the main thread has heard of it

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        open_engine(LoadPlan(smollm2, 1), press)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("seed", range(5))
def test_the_cache_is_true_whenever_a_request_was_stopped(open_tiny: OpenEngine, seed: int) -> None:
    rng = random.Random(seed)
    engine = open_tiny(context_tokens=4096)
    for _ in range(6):
        long = [token for example in rng.sample(EXAMPLES, 12) for token in example["prompt_ids"]]
        stable = rng.choice([None, len(long) - 2, 600])
        events = engine.generate(GenerationRequest(long, GREEDY, lambda token: GO_ON, stable))
        for _ in range(rng.randrange(1, 4)):
            next(events)
        time.sleep(rng.choice([0.0, 0.001, 0.01]))
        events.close()
        prompt = long[: rng.randrange(100, len(long))] + rng.choice(EXAMPLES)["prompt_ids"]
        made = generate(engine, prompt, max_tokens=12)
        assert made.tokens == fresh(open_tiny, prompt, max_tokens=12)


def test_a_reply_that_was_stopped_among_forced_tokens_leaves_the_cache_true(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    prompt = EXAMPLES[1]["prompt_ids"]
    forced = tuple(EXAMPLES[-1]["prompt_ids"][:60])
    for stop_at in (1, 20, 60, 61):
        events = engine.generate(GenerationRequest(prompt, GREEDY, lambda token: GO_ON, forced=forced))
        sampled = 0
        while sampled < stop_at:
            sampled += isinstance(next(events), Sampled)
        events.close()
        assert generate(engine, prompt).tokens == EXAMPLES[1]["answer_ids"]
