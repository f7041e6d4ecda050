"""Tokens in, tokens out, on the tiny gpt-oss whose answers are known token by token."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, STOP, Decision, Ended, EndReason, GenerationRequest, Prefilled, Sampled
from oss_cli.engine.llama.engine import wait_freed
from oss_cli.errors import BadUsage, EngineFailed, PromptTooLong
from tests.conftest import MODELS
from tests.engine.conftest import OpenEngine
from tests.engine.generation import GREEDY, generate

EXAMPLES: list[dict[str, Any]] = json.loads((MODELS / "tiny-gpt-oss.json").read_text("utf-8"))["examples"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["title"]))
def test_greedy_tokens_are_those_that_the_model_was_measured_with(
    open_tiny: OpenEngine, example: dict[str, Any]
) -> None:
    expected = example["answer_ids"]
    made = generate(open_tiny(), example["prompt_ids"], max_tokens=len(expected))
    assert made.tokens == expected


def test_the_end_token_ends_a_reply_and_is_part_of_it(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    made = generate(engine, EXAMPLES[0]["prompt_ids"])
    assert made.ended is not None
    assert (made.ended.reason, made.ended.sampled_tokens) == (EndReason.END_TOKEN, len(made.tokens))
    assert engine.model.vocabulary.is_end(made.tokens[-1])


def test_max_tokens_ends_a_reply(open_tiny: OpenEngine) -> None:
    made = generate(open_tiny(), EXAMPLES[0]["prompt_ids"], max_tokens=3)
    assert made.ended is not None
    assert (made.ended.reason, made.tokens) == (EndReason.MAX_TOKENS, EXAMPLES[0]["answer_ids"][:3])


def test_a_watcher_ends_a_reply_at_the_very_token(open_tiny: OpenEngine) -> None:
    wanted = EXAMPLES[0]["answer_ids"]
    seen: list[int] = []

    def watch(token: int) -> Decision:
        seen.append(token)
        return GO_ON if len(seen) < 4 else STOP

    events = list(open_tiny().generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], GREEDY, watch)))
    assert seen == wanted[:4]
    assert isinstance(events[-1], Ended)
    assert (events[-1].reason, events[-1].sampled_tokens) == (EndReason.ON_TOKEN, 4)


def test_a_failing_watcher_fails_the_caller_and_not_the_engine(open_tiny: OpenEngine) -> None:
    def watch(token: int) -> Decision:
        raise ZeroDivisionError

    engine = open_tiny()
    with pytest.raises(ZeroDivisionError):
        list(engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], GREEDY, watch)))
    assert generate(engine, EXAMPLES[0]["prompt_ids"]).tokens == EXAMPLES[0]["answer_ids"]


def test_a_full_context_ends_a_reply(open_tiny: OpenEngine) -> None:
    engine = open_tiny(context_tokens=256)
    prompt = EXAMPLES[0]["prompt_ids"] * 2
    sampling = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1196), -1e9))
    made = generate(engine, prompt, sampling=sampling, max_tokens=10_000)
    assert made.ended is not None
    assert made.ended.reason is EndReason.CONTEXT_FULL
    assert len(prompt) + len(made.tokens) == 256 + 1  # the last token is sampled, but there is no room to go on from it


@pytest.mark.slow
def test_a_context_that_nobody_fixed_grows_under_a_reply_and_changes_no_token(open_tiny: OpenEngine) -> None:
    sampling = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1196), -1e9))
    grown = generate(open_tiny(), EXAMPLES[0]["prompt_ids"], sampling=sampling, max_tokens=4500)
    fixed = generate(open_tiny(context_tokens=8192), EXAMPLES[0]["prompt_ids"], sampling=sampling, max_tokens=4500)
    assert grown.ended is not None and fixed.ended is not None
    assert (grown.ended.context_tokens, fixed.ended.context_tokens) == (8192, 8192)
    assert grown.tokens == fixed.tokens


def test_the_prefill_reports_its_progress_in_micro_batches(open_tiny: OpenEngine) -> None:
    prompt = EXAMPLES[0]["prompt_ids"] * 15
    sampling = SamplingOptions(temperature=0.0, max_tokens=1)
    events = list(open_tiny().generate(GenerationRequest(prompt, sampling, lambda token: GO_ON)))
    progress = [event.done_tokens for event in events if isinstance(event, Prefilled)]
    assert progress == [0, 512, 1024, len(prompt)]


def test_an_empty_prompt_is_an_error(open_tiny: OpenEngine) -> None:
    with pytest.raises(BadUsage, match="the prompt is empty"):
        list(open_tiny().generate(GenerationRequest([], GREEDY, lambda token: GO_ON)))


def test_a_prompt_that_leaves_no_room_is_an_error_with_both_numbers(open_tiny: OpenEngine) -> None:
    with pytest.raises(PromptTooLong) as caught:
        list(open_tiny(context_tokens=256).generate(GenerationRequest([1] * 256, GREEDY, lambda token: GO_ON)))
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (256, 256)


def test_requests_beyond_the_sequences_wait_for_their_turn(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    results: dict[int, list[int]] = {}

    def work(number: int) -> None:
        results[number] = generate(engine, EXAMPLES[number]["prompt_ids"]).tokens

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: EXAMPLES[number]["answer_ids"] for number in range(4)}


def test_several_sequences_decode_together_and_get_their_own_answers(open_tiny: OpenEngine) -> None:
    engine = open_tiny(sequences=4)
    results: dict[int, list[int]] = {}

    def work(number: int) -> None:
        results[number] = generate(engine, EXAMPLES[number]["prompt_ids"]).tokens

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: EXAMPLES[number]["answer_ids"] for number in range(8)}


def test_the_same_seed_draws_the_same_tokens(open_tiny: OpenEngine) -> None:
    def draw(seed: int) -> list[int]:
        sampling = SamplingOptions(temperature=3.0, seed=seed)
        return generate(open_tiny(), EXAMPLES[0]["prompt_ids"], sampling=sampling, max_tokens=20).tokens

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize(
    "sampling",
    [
        SamplingOptions(temperature=5.0, top_k=1),
        SamplingOptions(temperature=5.0, top_p=1e-6),
        SamplingOptions(temperature=5.0, min_p=1.0),
        SamplingOptions(temperature=1e-6),
    ],
    ids=["top_k", "top_p", "min_p", "temperature"],
)
def test_a_sampler_that_leaves_one_candidate_is_greedy(open_tiny: OpenEngine, sampling: SamplingOptions) -> None:
    made = generate(open_tiny(), EXAMPLES[0]["prompt_ids"], sampling=SamplingOptions(seed=3).over(sampling))
    assert made.tokens == EXAMPLES[0]["answer_ids"]


def test_the_repeat_penalty_knows_the_prompt(open_tiny: OpenEngine) -> None:
    example = EXAMPLES[0]
    made = generate(open_tiny(), example["prompt_ids"], sampling=SamplingOptions(temperature=0.0, repeat_penalty=50.0))
    assert made.tokens != example["answer_ids"]


def test_closing_the_generator_stops_the_engine_at_once(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    sampling = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1196), -1e9))
    tokens = 0

    def count(token: int) -> Decision:
        nonlocal tokens
        tokens += 1
        return GO_ON

    events = engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], sampling, count))
    assert any(isinstance(event, Sampled) for event in events)
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 0.5
    counted = tokens
    time.sleep(0.05)
    assert tokens == counted
    assert generate(engine, EXAMPLES[1]["prompt_ids"]).tokens == EXAMPLES[1]["answer_ids"]


def test_a_prefill_is_stopped_within_half_a_second(smollm2: Path) -> None:
    from oss_cli.engine.llama.engine import open_engine
    from oss_cli.plan import LoadPlan

    engine = open_engine(LoadPlan(smollm2, threads=1))
    try:
        events = engine.generate(GenerationRequest(list(range(100, 8000)), GREEDY, lambda token: GO_ON))
        assert next(events) == Prefilled(0, 7900)
        time.sleep(0.1)
        started = time.monotonic()
        events.close()
        assert time.monotonic() - started < 0.5
        assert generate(engine, [1, 4093, 198, 33, 2], max_tokens=2).ended is not None
    finally:
        engine.close()


def test_sequences_share_a_context_and_each_has_its_own_end(open_tiny: OpenEngine) -> None:
    engine = open_tiny(context_tokens=256, sequences=4)
    forever = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1196), -1e9))
    prompt = EXAMPLES[0]["prompt_ids"]
    results: dict[int, tuple[EndReason, int]] = {}

    def work(number: int) -> None:
        made = generate(engine, prompt, sampling=forever, max_tokens=800)
        assert made.ended is not None
        results[number] = (made.ended.reason, len(prompt) + len(made.tokens))

    for _ in range(2):  # the second time, every slot is full of the first
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == dict.fromkeys(range(4), (EndReason.CONTEXT_FULL, 257))


def test_a_high_limit_of_tokens_takes_no_memory_before_it_is_needed(open_tiny: OpenEngine) -> None:
    made = generate(open_tiny(), EXAMPLES[0]["prompt_ids"], max_tokens=100_000)
    assert made.ended is not None
    assert made.ended.context_tokens == 4096


def test_a_short_reply_has_a_small_context_that_grows_with_the_next_one(open_tiny: OpenEngine) -> None:
    engine, prompt = open_tiny(), EXAMPLES[0]["prompt_ids"]
    sizes = []
    for limit in (8, 600, 8):
        made = generate(engine, prompt, max_tokens=limit)
        assert made.ended is not None
        assert made.tokens == EXAMPLES[0]["answer_ids"]
        sizes.append(made.ended.context_tokens)
    assert sizes == [512, 1024, 1024]


def test_the_memory_of_a_closed_engine_is_back_before_anybody_looks(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    generate(engine, EXAMPLES[0]["prompt_ids"], max_tokens=3)
    model = engine.model
    engine.close()
    wait_freed()
    assert model.pointer is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("llama.cpp, freeing")]


def test_a_closed_engine_says_so(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    engine.close()
    with pytest.raises(EngineFailed, match="the model is unloaded"):
        list(engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], GREEDY, lambda token: GO_ON)))


def test_closing_an_engine_ends_what_it_was_doing(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    forever = SamplingOptions(temperature=0.0, logit_bias=dict.fromkeys((1189, 1190, 1196), -1e9))
    events = engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], forever, lambda token: GO_ON))
    assert any(isinstance(event, Sampled) for event in events)
    engine.close()
    last = list(events)[-1]
    assert isinstance(last, Ended)
    assert last.reason is EndReason.CANCELLED


def test_a_tiny_temperature_is_greedy(open_tiny: OpenEngine) -> None:
    sampling = SamplingOptions(temperature=1e-40, top_k=100, seed=1)
    assert generate(open_tiny(), EXAMPLES[0]["prompt_ids"], sampling=sampling).tokens == EXAMPLES[0]["answer_ids"]
