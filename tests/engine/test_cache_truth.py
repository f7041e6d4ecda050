"""The cache tells no lies: whatever was evaluated before, a prompt's reply is the one that an empty cache gives.

The tiny gpt-oss has a sliding window of 32 on every other layer, so that every cut-back of a chat goes beyond what the
window still holds.
"""

import random

import pytest

from oss_cli.engine.llama.engine import LlamaEngine
from tests.engine.conftest import OpenEngine
from tests.engine.generation import generate
from tests.engine.test_generation import EXAMPLES

SYSTEM = EXAMPLES[0]["prompt_ids"][: EXAMPLES[0]["prompt_ids"].index(1194) + 1]  # up to the first <|end|>


def fresh(open_tiny: OpenEngine, prompt: list[int], *, max_tokens: int = 60) -> list[int]:
    engine = open_tiny()
    tokens = generate(engine, prompt, max_tokens=max_tokens).tokens
    engine.close()
    return tokens


def user_turn(engine: LlamaEngine, text: str) -> list[int]:
    vocabulary = engine.model.vocabulary
    return vocabulary.tokenize(f"<|start|>user<|message|>{text}<|end|>", parse_special=True)


def answer_in_history(engine: LlamaEngine, tokens: list[int]) -> list[int]:
    """The last message of a reply, as the next prompt repeats it: without reasoning, with <|end|>."""
    vocabulary = engine.model.vocabulary
    start, end = vocabulary.special("<|channel|>"), vocabulary.special("<|end|>")
    assert start is not None and end is not None
    last = len(tokens) - 1 - tokens[::-1].index(start)
    return [*vocabulary.tokenize("<|start|>assistant", parse_special=True), *tokens[last:-1], end]


def test_every_turn_of_a_long_chat_is_that_of_an_empty_cache(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    asks = engine.model.vocabulary.tokenize("<|start|>assistant", parse_special=True)
    questions = ["My name is Alice.", "What is my name?", "Say the word banana.", "Count to 12.", "Hello!"] * 4
    history = list(SYSTEM)
    reused = evaluated_at_best = 0
    for question in questions:
        history += user_turn(engine, question)
        prompt = history + asks
        made = generate(engine, prompt, max_tokens=60, stable_tokens=len(history))
        assert made.tokens == fresh(open_tiny, prompt), question
        assert made.ended is not None
        reused += made.ended.reused_tokens
        evaluated_at_best += len(prompt) - made.ended.reused_tokens
        history += answer_in_history(engine, made.tokens)
    # Only the new text of each turn was evaluated: the last answer, the question, and the request to answer.
    assert evaluated_at_best <= len(history) + len(questions) * (len(asks) + 2)
    assert reused > 8 * evaluated_at_best


def test_without_checkpoints_a_cut_beyond_the_window_evaluates_all_anew(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    first = EXAMPLES[0]["prompt_ids"] * 12
    generate(engine, first, max_tokens=60)
    shorter = first[:200] + EXAMPLES[1]["prompt_ids"]
    made = generate(engine, shorter)
    assert made.ended is not None
    assert made.ended.reused_tokens == 0
    assert made.tokens == fresh(open_tiny, shorter, max_tokens=200)


def test_the_same_prompt_again_evaluates_no_more_than_what_follows_its_checkpoint(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    prompt = EXAMPLES[1]["prompt_ids"] * 10
    first = generate(engine, prompt, stable_tokens=len(prompt) - 2)
    again = generate(engine, prompt, stable_tokens=len(prompt) - 2)
    assert again.ended is not None
    assert again.ended.reused_tokens >= len(prompt) - 2
    assert again.tokens == first.tokens == fresh(open_tiny, prompt, max_tokens=200)


@pytest.mark.parametrize("seed", range(12))
def test_random_cuts_and_branches_never_change_a_token(open_tiny: OpenEngine, seed: int) -> None:
    rng = random.Random(seed)
    engine = open_tiny(context_tokens=2048)
    prompts = [example["prompt_ids"] for example in EXAMPLES]
    text = [token for prompt in rng.sample(prompts, 12) for token in prompt][:1700]
    for _ in range(12):
        kept = rng.randrange(0, len(text))
        prompt = text[:kept] + rng.choice(prompts)
        stable = rng.choice([None, len(prompt) - 2, max(1, len(prompt) // 2)])
        made = generate(engine, prompt, max_tokens=rng.choice([1, 5, 40]), stable_tokens=stable)
        assert made.tokens == fresh(open_tiny, prompt, max_tokens=len(made.tokens)), (seed, kept)
        text = prompt + made.tokens


def test_the_cache_is_true_after_a_reply_was_stopped(open_tiny: OpenEngine) -> None:
    from oss_cli.engine.base import GO_ON, GenerationRequest, Sampled
    from tests.engine.generation import GREEDY

    engine = open_tiny()
    for number, example in enumerate(EXAMPLES[:6]):
        events = engine.generate(GenerationRequest(example["prompt_ids"] * 5, GREEDY, lambda token: GO_ON))
        sampled = 0
        for event in events:
            sampled += isinstance(event, Sampled)
            if sampled > number:
                break
        events.close()
        assert generate(engine, example["prompt_ids"], max_tokens=40).tokens == fresh(
            open_tiny, example["prompt_ids"], max_tokens=40
        )
