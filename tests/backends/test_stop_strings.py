"""An answer ends before the first stop string, however it is cut into pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.backends.stop_strings import StopStrings

# Few letters: stops that overlap, repeat and contain each other are the rule.
LETTERS = "abé\n"
STOPS = st.lists(st.text(LETTERS, min_size=1, max_size=4), max_size=4).map(tuple)


def shown(stops: tuple[str, ...], pieces: list[str]) -> tuple[str, bool]:
    """What is shown of an answer in these pieces, and whether it was stopped."""
    watch = StopStrings(stops)
    text = "".join([watch.feed(piece) for piece in pieces]) + watch.close()
    return text, watch.has_stopped


def cut(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """The text up to the stop string that is complete first, by trying every end."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            return text[: end - max(map(len, found))], True
    return text, False


@settings(derandomize=True, deadline=None, max_examples=500)
@given(STOPS, st.lists(st.text(LETTERS, max_size=5), max_size=12))
def test_any_pieces_of_any_text_end_before_the_first_stop_string(stops: tuple[str, ...], pieces: list[str]) -> None:
    assert shown(stops, pieces) == cut("".join(pieces), stops)


@pytest.mark.parametrize("pieces", [["abc"], ["ab", "c"], ["a", "b", "c"]])
def test_of_two_stop_strings_inside_each_other_the_one_that_is_complete_first_counts(pieces: list[str]) -> None:
    assert shown(("abc", "b"), pieces) == ("a", True)


def test_text_is_shown_as_soon_as_it_can_be_no_stop_string() -> None:
    watch = StopStrings(("</end>",))
    assert [watch.feed(piece) for piece in ["Hi <", "/e", "m", "></", "end", ">", "more"]] == [
        "Hi ", "", "</em", ">", "", "", "",
    ]  # fmt: skip
    assert (watch.close(), watch.has_stopped) == ("", True)


def test_what_was_held_back_comes_at_the_end() -> None:
    watch = StopStrings(("END",))
    assert (watch.feed("the EN"), watch.close(), watch.close(), watch.has_stopped) == ("the ", "EN", "", False)


@pytest.mark.parametrize("stops", [(), ("",)])
def test_without_stop_strings_nothing_is_held_back(stops: tuple[str, ...]) -> None:
    watch = StopStrings(stops)
    assert (watch.feed("abc"), watch.close(), watch.has_stopped) == ("abc", "", False)
