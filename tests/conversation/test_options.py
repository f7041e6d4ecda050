"""Options over options: what is decided wins, what is not is filled in."""

from oss_cli.conversation.options import PLAIN_SAMPLING, SamplingOptions


def test_what_is_undecided_comes_from_the_fallback() -> None:
    mine = SamplingOptions(temperature=0.0, stop=("a",))
    assert mine.over(SamplingOptions(temperature=1.0, top_k=5, stop=("b",), seed=3)) == SamplingOptions(
        temperature=0.0, top_k=5, stop=("a",), seed=3
    )


def test_nought_and_an_empty_list_are_decisions() -> None:
    mine = SamplingOptions(temperature=0.0, top_k=0, min_p=0.0, seed=0, stop=(), logit_bias={})
    theirs = SamplingOptions(temperature=1.0, top_k=9, min_p=0.5, seed=9, stop=("b",), logit_bias={1: 1.0})
    assert mine.over(theirs) == mine


def test_three_layers_are_filled_in_order() -> None:
    options = SamplingOptions(seed=1).over(SamplingOptions(seed=2, top_k=2)).over(SamplingOptions(top_k=3, min_p=0.3))
    assert options == SamplingOptions(seed=1, top_k=2, min_p=0.3)


def test_nothing_over_nothing_decides_nothing() -> None:
    assert SamplingOptions().over(SamplingOptions()) == SamplingOptions()


def test_the_plain_sampling_leaves_to_the_user_what_is_the_users() -> None:
    assert SamplingOptions(temperature=0.8, top_p=0.95, top_k=40, min_p=0.05, repeat_penalty=1.0) == PLAIN_SAMPLING
