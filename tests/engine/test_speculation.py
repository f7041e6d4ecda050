"""Guessed tokens make replies quicker and change none of them: the same tokens with guesses and without."""

import random
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, STOP, Decision, Ended, EndReason, Engine, GenerationRequest, Sampled
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.plan import LoadPlan
from tests.engine.generation import Generated, generate
from tests.engine.test_filtered_sampling import Only
from tests.engine.test_generation import EXAMPLES

NO_END = dict.fromkeys((1189, 1190, 1196), -1e9)
Open = Callable[..., LlamaEngine]


@pytest.fixture
def open_model() -> Iterator[Open]:
    engines: list[LlamaEngine] = []

    def open_one(
        path: Path, *, guessed_tokens: int, sequences: int = 1, context_tokens: int | None = None
    ) -> LlamaEngine:
        plan = LoadPlan(
            path, threads=1, context_tokens=context_tokens, sequences=sequences,
            guessed_tokens=guessed_tokens, weighs_guesses=False,
        )  # fmt: skip
        engines.append(open_engine(plan))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


def run(engine: Engine, request: GenerationRequest) -> Generated:
    made = Generated()
    for event in engine.generate(request):
        if isinstance(event, Sampled):
            made.tokens.append(event.token)
        elif isinstance(event, Ended):
            made.ended = event
    return made


def prompts(count: int, *, seed: int = 0) -> list[list[int]]:
    """Prompts of the examples that repeat themselves in several ways."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        example = EXAMPLES[number % len(EXAMPLES)]
        tokens = [*example["prompt_ids"], *example["answer_ids"]]
        start = rng.randrange(len(tokens) - 8)
        made.append(tokens[start:] * rng.choice((1, 2, 3)) + tokens[: rng.randrange(2, len(tokens))])
    return made


# llama.cpp adds up in another order from four tokens a step on (its tinyBLAS): sampled texts are compared below that.
@pytest.mark.parametrize(("temperature", "guessed_tokens"), [(0.0, 16), (0.7, 2), (1.5, 2)])
def test_the_tiny_model_says_the_same_with_guesses_and_without(
    tiny_gpt_oss: Path, open_model: Open, temperature: float, guessed_tokens: int
) -> None:
    plain, guessing = (open_model(tiny_gpt_oss, guessed_tokens=count) for count in (0, guessed_tokens))
    accepted = 0
    for number, prompt in enumerate(prompts(12)):
        sampling = SamplingOptions(
            temperature=temperature, seed=number, logit_bias=NO_END, repeat_penalty=(1.0, 1.0, 1.1)[number % 3]
        )
        wanted, made = (generate(engine, prompt, sampling=sampling, max_tokens=100) for engine in (plain, guessing))
        assert made.tokens == wanted.tokens
        assert made.ended is not None and wanted.ended is not None
        assert (made.ended.reason, made.ended.sampled_tokens) == (EndReason.MAX_TOKENS, 100)
        assert (wanted.ended.drafted_tokens, wanted.ended.accepted_tokens) == (0, 0)
        assert 0 <= made.ended.accepted_tokens <= made.ended.drafted_tokens
        accepted += made.ended.accepted_tokens
    assert accepted > 30


def repetitive(engine: Engine) -> tuple[list[int], list[int]]:
    """A prompt, and a reply to it that repeats what stands there: its greedy reply, said twice before."""
    prompt = EXAMPLES[0]["prompt_ids"]
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    said = generate(engine, prompt, sampling=sampling, max_tokens=60).tokens
    prompt = [*prompt, *said, *prompt, *said[:50]]
    return prompt, generate(engine, prompt, sampling=sampling, max_tokens=300).tokens


def test_a_reply_that_copies_is_guessed(tiny_gpt_oss: Path, open_model: Open) -> None:
    prompt, wanted = repetitive(open_model(tiny_gpt_oss, guessed_tokens=0))
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    made = generate(open_model(tiny_gpt_oss, guessed_tokens=16), prompt, sampling=sampling, max_tokens=300)
    assert made.tokens == wanted
    assert made.ended is not None and made.ended.accepted_tokens > 20


@pytest.mark.parametrize("limit", [1, 2, 3, 40, 41, 42, 43, 44, 45])
def test_a_guessed_reply_ends_at_the_very_token(tiny_gpt_oss: Path, open_model: Open, limit: int) -> None:
    engine = open_model(tiny_gpt_oss, guessed_tokens=16)
    prompt, wanted = repetitive(engine)
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    assert generate(engine, prompt, sampling=sampling, max_tokens=limit).tokens == wanted[:limit]
    seen: list[int] = []

    def watch(token: int) -> Decision:
        seen.append(token)
        return GO_ON if len(seen) < limit else STOP

    made = run(engine, GenerationRequest(prompt, sampling, watch))
    assert made.tokens == seen == wanted[:limit]
    assert made.ended is not None and made.ended.reason is EndReason.ON_TOKEN


@pytest.mark.parametrize("place", [1, 40, 41, 42, 43])
def test_forced_tokens_come_in_the_middle_of_a_right_guess(tiny_gpt_oss: Path, open_model: Open, place: int) -> None:
    plain, guessing = (open_model(tiny_gpt_oss, guessed_tokens=count) for count in (0, 16))
    prompt, wanted = repetitive(plain)
    for forced in (tuple(wanted[place : place + 3]), (220, 221), tuple(wanted[place : place + 1])):
        replies = []
        for engine in (plain, guessing):
            seen: list[int] = []

            def watch(token: int, seen: list[int] = seen, forced: tuple[int, ...] = forced) -> Decision:
                seen.append(token)
                return Decision(forced=forced) if len(seen) == place else GO_ON

            sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END, max_tokens=120)
            replies.append(run(engine, GenerationRequest(prompt, sampling, watch)).tokens)
            assert replies[-1] == seen
        assert replies[0] == replies[1]
        assert replies[0][place : place + len(forced)] == list(forced)


def test_a_guess_goes_on_through_forced_tokens(tiny_gpt_oss: Path, open_model: Open) -> None:
    engine = open_model(tiny_gpt_oss, guessed_tokens=16)
    prompt, wanted = repetitive(engine)
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END, max_tokens=200)
    free = run(engine, GenerationRequest(prompt, sampling, lambda _: GO_ON)).ended
    seen: list[int] = []

    def force_each_fifth(token: int) -> Decision:
        seen.append(token)
        return Decision(forced=(wanted[len(seen)],)) if len(seen) % 5 == 4 else GO_ON

    led = run(engine, GenerationRequest(prompt, sampling, force_each_fifth))
    assert led.tokens == wanted[:200]
    assert free is not None and led.ended is not None
    assert led.ended.accepted_tokens > free.accepted_tokens * 0.9


def test_a_filter_tests_guessed_tokens_too(tiny_gpt_oss: Path, open_model: Open) -> None:
    plain, guessing = (open_model(tiny_gpt_oss, guessed_tokens=count) for count in (0, 16))
    prompt, wanted = repetitive(plain)
    assert repetitive(guessing) == (prompt, wanted)  # what is in the cache was evaluated alike, to the last digit
    for sampling in (SamplingOptions(temperature=0.0), SamplingOptions(temperature=1.5, seed=4, repeat_penalty=1.1)):
        sampling = SamplingOptions(max_tokens=120, logit_bias=NO_END).over(sampling)
        replies = [
            run(engine, GenerationRequest(prompt, sampling, lambda _: GO_ON, only=Only(but=[wanted[45]])))
            for engine in (plain, guessing)
        ]
        assert replies[0].tokens == replies[1].tokens
        assert wanted[45] not in replies[0].tokens
    refused = run(guessing, GenerationRequest(prompt, SamplingOptions(temperature=0.0), lambda _: GO_ON, only=Only([])))
    assert refused.ended is not None and refused.ended.reason is EndReason.NO_TOKEN


def test_a_guessed_reply_fills_the_context_to_its_last_token(tiny_gpt_oss: Path, open_model: Open) -> None:
    plain, guessing = (open_model(tiny_gpt_oss, guessed_tokens=count, context_tokens=512) for count in (0, 16))
    prompt, _ = repetitive(open_model(tiny_gpt_oss, guessed_tokens=0))
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    replies = [generate(engine, prompt, sampling=sampling, max_tokens=10_000) for engine in (plain, guessing)]
    assert replies[0].tokens == replies[1].tokens
    for reply in replies:
        assert reply.ended is not None and reply.ended.reason is EndReason.CONTEXT_FULL
    assert len(prompt) + len(replies[1].tokens) == 512 + 1


@pytest.mark.slow
def test_guesses_far_beyond_the_window_change_nothing(tiny_gpt_oss: Path, open_model: Open) -> None:
    plain, guessing = (open_model(tiny_gpt_oss, guessed_tokens=count) for count in (0, 16))
    prompt, _ = repetitive(plain)
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    prompt = (prompt * 12)[: 12 * len(prompt) - 7]
    wanted, made = (generate(engine, prompt, sampling=sampling, max_tokens=1500) for engine in (plain, guessing))
    assert made.tokens == wanted.tokens
    assert made.ended is not None and made.ended.accepted_tokens > 100
    again = [generate(engine, [*prompt, *wanted.tokens[:700]], sampling=sampling) for engine in (plain, guessing)]
    assert again[0].tokens == again[1].tokens


def test_several_replies_at_once_are_not_guessed(tiny_gpt_oss: Path, open_model: Open) -> None:
    engine = open_model(tiny_gpt_oss, guessed_tokens=16, sequences=2)
    prompt, wanted = repetitive(open_model(tiny_gpt_oss, guessed_tokens=0))
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END, max_tokens=200)
    first, second = (engine.generate(GenerationRequest(prompt, sampling, lambda _: GO_ON)) for _ in range(2))
    replies: list[list[int]] = [[], []]
    for both in zip_longest(first, second):
        for event, tokens in zip(both, replies, strict=True):
            if isinstance(event, Sampled):
                tokens.append(event.token)
    assert replies == [wanted[:200], wanted[:200]]


def test_a_stopped_reply_leaves_a_true_cache(tiny_gpt_oss: Path, open_model: Open) -> None:
    engine = open_model(tiny_gpt_oss, guessed_tokens=16)
    prompt, wanted = repetitive(engine)
    sampling = SamplingOptions(temperature=0.0, logit_bias=NO_END)
    for count in (1, 30, 47, 48, 49):
        events = engine.generate(GenerationRequest(prompt, sampling, lambda _: GO_ON))
        came = [
            event for event, _ in zip((one for one in events if isinstance(one, Sampled)), range(count), strict=False)
        ]
        events.close()
        assert [event.token for event in came] == wanted[:count]
        assert generate(engine, prompt, sampling=sampling, max_tokens=120).tokens == wanted[:120]


COPYING = (
    "Repeat this list:\n1. the red house by the river\n2. the old mill on the hill\n3. the bridge of stone\n"
    "1. the red house by the river\n2. the old"
)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_smollm2_says_the_same_with_guesses_and_without(smollm2: Path, open_model: Open, temperature: float) -> None:
    plain, guessing = (open_model(smollm2, guessed_tokens=count) for count in (0, 16))
    accepted = 0
    for number, text in enumerate((COPYING, COPYING.upper(), "def add(a, b):\n    return a + b\n" * 3 + "def add(a")):
        prompt = plain.model.vocabulary.tokenize(text, parse_special=False)
        sampling = SamplingOptions(temperature=temperature, seed=number, top_k=40, top_p=0.95)
        wanted, made = (generate(engine, prompt, sampling=sampling, max_tokens=60) for engine in (plain, guessing))
        assert made.tokens == wanted.tokens
        assert made.ended is not None
        accepted += made.ended.accepted_tokens
    assert accepted > 10
