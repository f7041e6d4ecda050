"""Tokens forced into a reply: in their place, counted, known to cache and penalties, bounded like any other."""

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Decision, Ended, EndReason, Engine, GenerationRequest, Sampled
from tests.engine.conftest import OpenEngine
from tests.engine.generation import GREEDY, Generated, generate
from tests.engine.test_generation import EXAMPLES

PROMPT: list[int] = next(one["prompt_ids"] for one in EXAMPLES if one["title"] == "say, medium effort")
THOUGHTFUL: list[int] = next(one["answer_ids"] for one in EXAMPLES if one["title"] == "say, medium effort")
BRIEF: list[int] = [1192, 462, 1195]
"""<|channel|>final<|message|>"""
SWITCH: list[int] = [1194, 1193, 438, *BRIEF]
"""<|end|><|start|>assistant before it"""
BANANA: list[int] = THOUGHTFUL[-5:]


def force(
    engine: Engine,
    after: int,
    forced: list[int],
    *,
    prompt: list[int] = PROMPT,
    sampling: SamplingOptions = GREEDY,
    first: tuple[int, ...] = (),
) -> tuple[Generated, list[int]]:
    """A reply into which tokens are forced after its nth, and what `on_token` was given."""
    seen: list[int] = []

    def watch(token: int) -> Decision:
        seen.append(token)
        return Decision(forced=tuple(forced)) if len(seen) == after else GO_ON

    made = Generated()
    for event in engine.generate(GenerationRequest(prompt, sampling, watch, len(prompt) - 2, forced=first)):
        if isinstance(event, Sampled):
            made.tokens.append(event.token)
        elif isinstance(event, Ended):
            made.ended = event
    return made, seen


@pytest.mark.parametrize("after", [3, 4, 8])
def test_forced_tokens_come_in_their_place_and_the_model_goes_on_from_them(open_tiny: OpenEngine, after: int) -> None:
    made, seen = force(open_tiny(), after, SWITCH)
    assert made.tokens == seen == THOUGHTFUL[:after] + SWITCH + BANANA
    assert made.ended is not None
    assert (made.ended.reason, made.ended.sampled_tokens) == (EndReason.END_TOKEN, len(made.tokens))


def test_a_reply_begins_with_the_tokens_that_are_forced_first(open_tiny: OpenEngine) -> None:
    made, seen = force(open_tiny(), 0, [], first=tuple(BRIEF))
    assert made.tokens == seen == BRIEF + BANANA


def test_what_was_forced_is_in_the_cache_like_any_token(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    made, _ = force(engine, 4, SWITCH)
    again = generate(engine, PROMPT + made.tokens[:-1], max_tokens=1, stable_tokens=len(PROMPT) - 2)
    assert again.ended is not None
    assert (again.tokens, again.ended.reused_tokens) == (made.tokens[-1:], len(PROMPT + made.tokens) - 2)


@pytest.mark.parametrize("size", range(1, 15))
def test_max_tokens_counts_forced_ones(open_tiny: OpenEngine, size: int) -> None:
    whole, _ = force(open_tiny(), 4, SWITCH)
    limited = SamplingOptions(temperature=0.0, max_tokens=size)
    made, seen = force(open_tiny(), 4, SWITCH, sampling=limited)
    assert made.tokens == seen == whole.tokens[:size]
    assert made.ended is not None and made.ended.reason is EndReason.MAX_TOKENS


def test_forced_tokens_stop_where_the_context_does(open_tiny: OpenEngine) -> None:
    prompt = PROMPT * 3
    made, seen = force(open_tiny(context_tokens=256), 3, [220] * 40, prompt=prompt)
    assert made.tokens == seen
    assert made.ended is not None and made.ended.reason is EndReason.CONTEXT_FULL
    assert len(prompt) + len(made.tokens) == 256 + 1


def test_forced_tokens_make_a_context_grow_that_may(open_tiny: OpenEngine) -> None:
    prompt = (PROMPT * 60)[:4090]
    limited = SamplingOptions(temperature=0.0, max_tokens=1000)
    with_room = SamplingOptions(temperature=0.0, max_tokens=20)
    grown, _ = force(open_tiny(), 2, [*SWITCH, *SWITCH], prompt=prompt, sampling=with_room)
    fixed, _ = force(open_tiny(context_tokens=8192), 2, [*SWITCH, *SWITCH], prompt=prompt, sampling=limited)
    assert grown.tokens == fixed.tokens[: len(grown.tokens)]
    assert len(prompt) + len(grown.tokens) > 4096
    assert grown.ended is not None and grown.ended.context_tokens == 8192


def test_the_repeat_penalty_knows_forced_tokens(open_tiny: OpenEngine) -> None:
    example = next(one for one in EXAMPLES if one["title"] == "long count")
    prompt, answer = example["prompt_ids"], example["answer_ids"]
    forced = [*answer[:3], answer[60], *answer[4:60]]  # with the number that the model would say next
    sampling = SamplingOptions(temperature=0.0, repeat_penalty=10.0, max_tokens=80)
    made, _ = force(open_tiny(), 0, [], prompt=prompt, sampling=sampling, first=tuple(forced))
    again = generate(open_tiny(), prompt + forced, sampling=sampling, max_tokens=20)
    assert made.tokens == forced + again.tokens
    assert generate(open_tiny(), prompt + forced, max_tokens=1).tokens == [answer[60]] != again.tokens[:1]
