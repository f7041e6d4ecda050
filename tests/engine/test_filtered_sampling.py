"""A filter on sampling: what it refuses never comes, and the rest keeps its probabilities."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

import pytest

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.base import GO_ON, Decision, Ended, EndReason, Engine, GenerationRequest, Sampled
from tests.engine.conftest import OpenEngine
from tests.engine.generation import Generated
from tests.engine.test_forced import PROMPT


class Only:
    """A filter that lets some tokens through, or all but some; records what it was asked."""

    def __init__(self, allowed: Sequence[int] = (), *, but: Sequence[int] | None = None, size: int = 1248) -> None:
        self._allowed = frozenset(allowed) if but is None else frozenset(range(size)) - frozenset(but)
        self.tests = 0
        self.searches = 0

    def allows(self, token: int) -> bool:
        self.tests += 1
        return token in self._allowed

    def allowed_tokens(self) -> list[int]:
        self.searches += 1
        return sorted(self._allowed)


def sample(engine: Engine, only: Only | None, sampling: SamplingOptions, *, first: tuple[int, ...] = ()) -> Generated:
    made = Generated()

    def go_on(_token: int) -> Decision:
        return GO_ON

    for event in engine.generate(GenerationRequest(PROMPT, sampling, go_on, len(PROMPT) - 2, forced=first, only=only)):
        if isinstance(event, Sampled):
            made.tokens.append(event.token)
        elif isinstance(event, Ended):
            made.ended = event
    return made


def distribution(engine: Engine, sampling: SamplingOptions, only: Only | None, draws: int) -> Counter[int]:
    """How often each token comes first, one draw a seed."""
    options = [SamplingOptions(seed=seed, max_tokens=1).over(sampling) for seed in range(draws)]
    return Counter(sample(engine, only, one).tokens[0] for one in options)


GREEDY = SamplingOptions(temperature=0.0, max_tokens=1)
HOT = SamplingOptions(temperature=3.0, top_k=0, top_p=1.0, min_p=0.0)


def likeliest(engine: Engine, count: int) -> list[int]:
    """The likeliest first tokens in order, each found by refusing those before it."""
    found: list[int] = []
    for _ in range(count):
        found += sample(engine, Only(but=found), GREEDY).tokens
    return found


def test_a_filter_that_lets_all_through_changes_nothing(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    sampling = SamplingOptions(seed=3, max_tokens=40).over(HOT)
    only = Only(but=())
    assert sample(engine, only, sampling).tokens == sample(engine, None, sampling).tokens
    assert (only.tests, only.searches) == (40, 0)


def test_at_temperature_zero_the_best_allowed_token_comes(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    best = likeliest(engine, 6)
    assert len(set(best)) == 6
    for rank in range(6):
        assert sample(engine, Only(best[rank:]), GREEDY).tokens == [best[rank]]


def test_a_token_beyond_the_likely_ones_is_searched_for(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    far = likeliest(engine, 300)[-1]
    for sampling in (GREEDY, SamplingOptions(temperature=1.0, top_k=5, seed=1, max_tokens=1)):
        only = Only([far])
        assert sample(engine, only, sampling).tokens == [far]
        assert only.searches == 1


def test_where_the_likely_ones_are_enough_for_the_samplers_nothing_is_searched_for(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    best = likeliest(engine, 12)
    sampling = SamplingOptions(temperature=4.0, top_k=2, top_p=1.0, min_p=0.0)
    found = {}
    for allowed in (best[5:], best[5:7]):  # the samplers keep the same two of both
        only = Only(allowed)
        found[len(allowed)] = distribution(engine, sampling, only, 60)
        assert only.searches == 0
    assert found[7] == found[2]
    assert set(found[2]) == set(best[5:7])
    raised = SamplingOptions(logit_bias={best[11]: 50.0, best[5]: -50.0}).over(sampling)
    only = Only(best[5:])
    assert set(distribution(engine, raised, only, 9)) == {best[11]}
    assert only.searches == 0
    rare = Only(best[5:6])
    assert set(distribution(engine, sampling, rare, 3)) == {best[5]}
    assert rare.searches == 3


def test_after_a_refusal_those_that_the_samplers_had_left_are_tried_once(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    best = likeliest(engine, 12)
    sampling = SamplingOptions(temperature=0.01, top_k=12, top_p=1.0, min_p=0.0, seed=1, max_tokens=1)
    only = Only(best[7:])
    assert sample(engine, only, sampling).tokens == [best[7]]
    assert (only.tests, only.searches) == (1 + 12, 0)


@pytest.mark.parametrize("top_k", [0, 8])
@pytest.mark.parametrize("repeat_penalty", [1.0, 1.3])
def test_what_is_allowed_keeps_its_share(open_tiny: OpenEngine, top_k: int, repeat_penalty: float) -> None:
    engine = open_tiny()
    sampling = SamplingOptions(temperature=4.0, top_k=top_k, top_p=1.0, min_p=0.0, repeat_penalty=repeat_penalty)
    free = distribution(engine, sampling, None, 1500)
    allowed = [token for token, _ in free.most_common(9)][1:7:2]
    total = sum(free[token] for token in allowed)
    bound = distribution(engine, sampling, Only(allowed), 800)
    assert set(bound) <= set(allowed)
    for token in allowed:
        share, expected = bound[token] / 800, free[token] / total
        assert abs(share - expected) < 4 * (expected * (1 - expected)) ** 0.5 * (1 / 800 + 1 / total) ** 0.5


def test_the_same_seed_gives_the_same_tokens(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    sampling = SamplingOptions(seed=11, max_tokens=30).over(HOT)
    first, again = (sample(engine, Only(range(0, 1100, 3)), sampling).tokens for _ in range(2))
    assert first == again
    assert len(first) == 30
    assert all(token % 3 == 0 for token in first)


def test_a_refused_token_is_not_penalised(open_tiny: OpenEngine) -> None:
    engine = open_tiny()
    best, second = likeliest(engine, 2)
    sampling = SamplingOptions(temperature=0.0, repeat_penalty=1.0001, max_tokens=1)
    assert sample(engine, Only([second]), sampling).tokens == [second]
    # With a penalty that is too small to matter, the penalised sampler chooses as the plain one does.
    free = SamplingOptions(temperature=0.0, repeat_penalty=1.0, max_tokens=12)
    tiny = SamplingOptions(temperature=0.0, repeat_penalty=1.0001, max_tokens=12)
    assert sample(engine, Only(but=[best]), tiny).tokens == sample(engine, Only(but=[best]), free).tokens


def test_a_reply_ends_where_no_token_is_allowed(open_tiny: OpenEngine) -> None:
    made = sample(open_tiny(), Only([]), SamplingOptions(temperature=1.0, max_tokens=5), first=(220, 220))
    assert made.tokens == [220, 220]
    assert made.ended is not None and made.ended.reason is EndReason.NO_TOKEN


def test_forced_tokens_need_no_leave(open_tiny: OpenEngine) -> None:
    only = Only([7])
    made = sample(open_tiny(), only, SamplingOptions(temperature=0.0, max_tokens=4), first=(220, 221))
    assert made.tokens == [220, 221, 7, 7]


def test_several_replies_are_held_each_to_its_own_filter(open_tiny: OpenEngine) -> None:
    engine = open_tiny(sequences=2)
    sampling = SamplingOptions(temperature=0.0, max_tokens=6)
    counts = Counter[int]()
    replies = [
        engine.generate(GenerationRequest(PROMPT, sampling, lambda _: GO_ON, only=Only([token]))) for token in (5, 9)
    ]
    for both in zip_longest(*replies):  # in turn, so that they run side by side
        for event, token in zip(both, (5, 9), strict=True):
            assert not isinstance(event, Sampled) or event.token == token
            counts[token] += isinstance(event, Sampled)
    assert counts == {5: 6, 9: 6}
