"""How much is guessed: by what steps cost and how often guesses come true, and nothing where it does not pay."""

from oss_cli.engine.llama.lookup import Match, PromptLookup, what_followed
from oss_cli.engine.llama.pace import Chance, Costs, Pace


def measured(pace: Pace, slope: float) -> Pace:
    """With costs that were measured of every size."""
    for tokens in range(2, 18):
        for _ in range(5):
            pace.note(tokens, 1 + slope * (tokens - 1))
    return pace


def test_where_steps_of_many_tokens_cost_nothing_more_all_is_guessed() -> None:
    assert measured(Pace(), 0.0).length(0.9, 16)[0] == 16


def test_the_surer_a_guess_the_longer_it_is() -> None:
    lengths = [measured(Pace(), 0.3).length(share, 16)[0] for share in (0.2, 0.6, 0.8, 0.95, 1.0)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (0, 16)


def test_what_does_not_pay_is_tried_again_ever_more_seldom() -> None:
    pace = measured(Pace(), 1.2)
    tries = [step for step in range(3000) if pace.length(0.9, 16)[0]]
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert pauses == [64, 128, 256, 512, 1024]


def test_one_step_that_was_held_up_says_nothing() -> None:
    costs = Costs()
    costs.note(5, 40.0)
    assert costs.of(5) == 1 + 0.3 * 4
    costs.note(5, 2.0)
    costs.note(5, 2.0)
    assert costs.of(5) == 2.0
    assert costs.of(9) == 3.0


def test_a_chance_follows_what_came_true() -> None:
    chance = Chance(0.5)
    for _ in range(30):
        chance.note(16, 16)
    assert chance.share > 0.99
    for _ in range(60):
        chance.note(0, 4)
    assert chance.share < 0.05


def test_the_longest_and_then_the_latest_place_is_found() -> None:
    lookup = PromptLookup()
    assert lookup.find([1, 2, 3, 4, 9, 3, 4, 8, 1, 2, 3, 4]) == Match(1, 4)
    assert lookup.find([1, 2, 3, 4, 9, 3, 4, 8, 1, 2, 3, 4, 7, 3, 4]) == Match(2, 12)
    assert PromptLookup().find([1, 2, 3]) is None
    assert PromptLookup().find([1]) is None


def test_an_index_that_grew_finds_what_one_made_at_once_finds() -> None:
    text = [(number * number) % 11 for number in range(300)]
    grown = PromptLookup()
    for end in range(1, len(text)):
        assert grown.find(text[:end]) == PromptLookup().find(text[:end])


def test_a_text_that_repeats_itself_is_taken_to_go_on_so() -> None:
    assert what_followed([5, 6, 7, 5, 6], 2, 7) == [7, 5, 6, 7, 5, 6, 7]
