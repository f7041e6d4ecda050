"""A second model that guesses: the same tokens as without it, and one clear error where it cannot be of use."""

from pathlib import Path

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Ended, EndReason, GenerationRequest, Sampled
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.errors import BadUsage
from oss_cli.plan import LoadPlan
from tests.engine.generation import GREEDY, generate
from tests.engine.test_generation import EXAMPLES

NO_END = dict.fromkeys((1189, 1190, 1196), -1e9)


def open_with_draft(path: Path, draft: Path, *, context_tokens: int | None = None) -> LlamaEngine:
    plan = LoadPlan(
        path, threads=1, context_tokens=context_tokens, guessed_tokens=8, weighs_guesses=False, draft=LoadPlan(draft, 1)
    )
    return open_engine(plan)


def test_a_model_guesses_for_itself(tiny_gpt_oss: Path) -> None:
    engine = open_with_draft(tiny_gpt_oss, tiny_gpt_oss)
    try:
        for example in EXAMPLES[:6]:
            made = generate(engine, example["prompt_ids"])
            assert made.tokens == example["answer_ids"]
            assert made.ended is not None
            assert made.ended.accepted_tokens > 0
        sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
        made = generate(engine, EXAMPLES[0]["prompt_ids"], sampling=sampling, max_tokens=300)
        assert made.ended is not None and made.ended.accepted_tokens > 100
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_draft_model_changes_no_token(smollm2: Path, temperature: float) -> None:
    guessing, plain = open_with_draft(smollm2, smollm2), open_engine(LoadPlan(smollm2, threads=1))
    prompt = plain.tokens.tokenize("The capital of France is", parse_special=False)
    sampling = SamplingOptions(temperature=temperature, seed=3, top_k=40)
    try:
        for end in (3, len(prompt)):
            wanted, made = (generate(one, prompt[:end], sampling=sampling, max_tokens=40) for one in (plain, guessing))
            assert made.tokens == wanted.tokens
            assert made.ended is not None and made.ended.accepted_tokens > 0
            if not temperature:
                assert made.ended.accepted_tokens == made.ended.drafted_tokens
    finally:
        guessing.close()
        plain.close()


def test_another_vocabulary_is_an_error_that_says_so(tiny_gpt_oss: Path, smollm2: Path) -> None:
    with pytest.raises(BadUsage) as caught:
        open_with_draft(tiny_gpt_oss, smollm2)
    assert caught.value.message == f"{smollm2.name} cannot guess for {tiny_gpt_oss.name}"
    assert caught.value.cause == "it has 49,152 tokens, not 1,248"
    assert caught.value.hint == "take a smaller model of the same family, or do without: -o speculation=off"


def test_a_draft_model_grows_with_the_context(tiny_gpt_oss: Path) -> None:
    engine, plain = open_with_draft(tiny_gpt_oss, tiny_gpt_oss), open_engine(LoadPlan(tiny_gpt_oss, threads=1))
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    prompt = EXAMPLES[0]["prompt_ids"] * 60
    try:
        wanted, made = (
            generate(one, prompt, sampling=sampling, max_tokens=4200 - len(prompt)) for one in (plain, engine)
        )
        assert made.tokens == wanted.tokens
        assert made.ended is not None and made.ended.context_tokens > 4096
    finally:
        engine.close()
        plain.close()


def test_a_reply_with_a_draft_model_is_stopped_and_the_next_one_is_whole(tiny_gpt_oss: Path) -> None:
    engine = open_with_draft(tiny_gpt_oss, tiny_gpt_oss, context_tokens=2048)
    try:
        sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
        events = engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], sampling, lambda _: GO_ON))
        assert any(isinstance(event, Sampled) for event in events)
        events.close()
        assert generate(engine, EXAMPLES[1]["prompt_ids"], sampling=GREEDY).tokens == EXAMPLES[1]["answer_ids"]
        full = list(engine.generate(GenerationRequest(EXAMPLES[0]["prompt_ids"], sampling, lambda _: GO_ON)))
        assert isinstance(full[-1], Ended) and full[-1].reason is EndReason.CONTEXT_FULL
    finally:
        engine.close()
