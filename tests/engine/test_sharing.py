"""What several prompts begin with is evaluated once, and their replies are those of an empty cache.

The tiny gpt-oss has a sliding window of 32, so that a beginning of 150 tokens cannot be taken over without a
checkpoint; SmolLM2 has none.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.plan import LoadPlan
from tests.engine.conftest import OpenEngine
from tests.engine.generation import Generated, generate
from tests.engine.test_cache_truth import SYSTEM, fresh, user_turn

WORDS = ("banana", "apple", "window", "river", "tiger", "maple", "copper", "violet", "kettle", "lantern")


def prompts(
    engine: LlamaEngine, words: tuple[str, ...] = WORDS, beginning: str = "apple melon grape " * 12
) -> list[list[int]]:
    vocabulary = engine.model.vocabulary
    asks = vocabulary.tokenize("<|start|>assistant", parse_special=True)
    shared = [*SYSTEM, *user_turn(engine, beginning)]
    return [shared + user_turn(engine, f"Say the word {word}.") + asks for word in words]


def all_at_once(engine: LlamaEngine, wanted: list[list[int]], *, max_tokens: int = 60) -> list[Generated]:
    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(lambda prompt: generate(engine, prompt, max_tokens=max_tokens), wanted))


def evaluated(made: list[Generated], wanted: list[list[int]]) -> int:
    """Tokens of prompts that were not taken from the cache."""
    reused = sum(one.ended.reused_tokens for one in made if one.ended is not None)
    return sum(map(len, wanted)) - reused


@pytest.mark.parametrize("sequences", [1, 2, 4, 10])
def test_a_common_beginning_is_evaluated_once_and_changes_no_token(open_tiny: OpenEngine, sequences: int) -> None:
    engine = open_tiny(sequences=sequences)
    wanted = prompts(engine)
    made = all_at_once(engine, wanted)
    assert [one.tokens for one in made] == [fresh(open_tiny, prompt) for prompt in wanted]
    shared = len(wanted[0]) - 15  # what follows it is different, or too short to wait for
    most = 2 * shared + sum(len(prompt) - shared for prompt in wanted)  # twice: the first may be on its way already
    assert evaluated(made, wanted) <= most < sum(map(len, wanted)) / 3


def test_later_prompts_find_the_beginning_of_earlier_ones(open_tiny: OpenEngine) -> None:
    engine = open_tiny(sequences=2)
    wanted = prompts(engine)
    made = [generate(engine, prompt, max_tokens=60) for prompt in wanted]
    assert [one.tokens for one in made] == [fresh(open_tiny, prompt) for prompt in wanted]
    assert all(one.ended is not None and one.ended.reused_tokens > 80 for one in made[2:])


@pytest.mark.parametrize("seed", range(6))
def test_random_prompts_on_several_sequences_never_change_a_token(open_tiny: OpenEngine, seed: int) -> None:
    rng = random.Random(seed)
    engine = open_tiny(sequences=rng.choice([2, 3, 5]), context_tokens=1024)
    beginnings = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 60))) for _ in range(3)]
    wanted = [prompts(engine, (rng.choice(WORDS),), " ".join(beginnings[: rng.randrange(1, 4)]))[0] for _ in range(16)]
    made = all_at_once(engine, wanted, max_tokens=24)
    assert [one.tokens for one in made] == [fresh(open_tiny, prompt, max_tokens=24) for prompt in wanted]


def test_a_full_cache_of_many_long_prompts_is_no_end(open_tiny: OpenEngine) -> None:
    engine = open_tiny(sequences=6, context_tokens=512)
    wanted = prompts(engine, WORDS, "apple melon grape olive " * 30)
    made = all_at_once(engine, wanted, max_tokens=30)
    assert [one.tokens for one in made] == [fresh(open_tiny, prompt, max_tokens=30) for prompt in wanted]


def test_sequences_that_share_cells_grow_into_a_larger_context(open_tiny: OpenEngine) -> None:
    engine = open_tiny(sequences=3)
    beginning = "apple melon grape olive " * 200  # 2,700 tokens: the first context has 4,096
    wanted = prompts(engine, WORDS[:3], beginning)
    longer = prompts(engine, WORDS[3:4], beginning * 2)
    made = all_at_once(engine, [*wanted, *longer], max_tokens=12)
    assert [one.tokens for one in made] == [fresh(open_tiny, prompt, max_tokens=12) for prompt in [*wanted, *longer]]


def test_without_windows_a_running_sequence_lends_its_beginning(smollm2: Path) -> None:
    engine = open_engine(LoadPlan(smollm2, 1, context_tokens=512, sequences=3))
    try:
        vocabulary = engine.model.vocabulary
        begins = "<|im_start|>system\nYou name the capital of a country, and nothing else, in one word.<|im_end|>\n" * 3
        wanted = [
            vocabulary.tokenize(
                f"{begins}<|im_start|>user\n{one}<|im_end|>\n<|im_start|>assistant\n", parse_special=True
            )
            for one in ("France", "Italy", "Japan", "Spain", "Egypt")
        ]
        made = all_at_once(engine, wanted, max_tokens=6)
        alone = [generate(engine, prompt, max_tokens=6).tokens for prompt in wanted]
        assert [one.tokens for one in made] == alone
        shared = len(wanted[0]) - 8
        assert evaluated(made, wanted) <= shared + sum(len(prompt) - shared for prompt in wanted) + 3
    finally:
        engine.close()
