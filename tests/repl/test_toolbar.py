"""The line below the prompt."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from oss_cli.repl.toolbar import ToolbarState, fit_costs, fit_toolbar

STATE = ToolbarState("gpt-oss-20b", "medium", 12_345, 131_072, ("private", "branch 2 of 3"), 21.54)


def test_everything_stands_there_if_there_is_room() -> None:
    assert fit_toolbar(STATE, 100) == (
        "gpt-oss-20b · medium · private · branch 2 of 3 · ▰▱▱▱▱▱ 12,345 of 131,072 · 21.5 tokens/s"
    )


def test_what_does_not_fit_is_shortened_then_dropped_from_the_right() -> None:
    assert fit_toolbar(STATE, 80) == "gpt-oss-20b · medium · private · branch 2 of 3 · ctx 9% · 21.5 tokens/s"
    assert fit_toolbar(STATE, 70) == "gpt-oss-20b · medium · private · branch 2 of 3 · ctx 9%"
    assert fit_toolbar(STATE, 40) == "gpt-oss-20b · medium · private"
    assert fit_toolbar(replace(STATE, marks=("private",)), 40) == "gpt-oss-20b · medium · private · ctx 9%"
    assert fit_toolbar(STATE, 5) == "gpt-o"


def test_a_long_name_leaves_room_for_the_rest() -> None:
    long = ToolbarState("bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "high", 0, 4096)
    assert fit_toolbar(long, 40) == "bartowski/Llama-3.2… · high · ctx 0%"
    assert fit_toolbar(long, 60) == "bartowski/Llama-3.2-1B-Instru… · high · ▱▱▱▱▱▱ 0 of 4,096"


def test_what_is_not_known_is_not_there() -> None:
    assert fit_toolbar(ToolbarState("gpt-oss-20b"), 80) == "gpt-oss-20b"


def test_the_gauge_is_full_at_the_end_and_never_fuller() -> None:
    assert fit_toolbar(ToolbarState("m", "", 1, 1000), 80) == "m · ▰▱▱▱▱▱ 1 of 1,000"
    assert fit_toolbar(ToolbarState("m", "", 1000, 1000), 80) == "m · ▰▰▰▰▰▰ 1,000 of 1,000"
    assert fit_toolbar(ToolbarState("m", "", 1100, 1000), 80) == "m · ▰▰▰▰▰▰ 1,100 of 1,000"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert fit_toolbar(ToolbarState("m" * 60, "", 500, 1000), 60, is_ascii=True) == (
        "mmmmmmmmmmmmmmmmmmmmmmmmmmm... | ###--- 500 of 1,000"
    )


def test_costs_that_do_not_fit_are_counted() -> None:
    costs = [("@a.md", "12 tokens"), ("@notes/b.md", "≈62,500 tokens"), ("@c.md", "no text")]
    assert fit_costs(costs, 80) == "@a.md 12 tokens · @notes/b.md ≈62,500 tokens · @c.md no text"
    assert fit_costs(costs, 40) == "@a.md 12 tokens · 2 more"
    assert fit_costs(costs, 8) == "3 more"
    assert fit_costs([], 80) == ""


@given(
    st.builds(
        ToolbarState, st.text(), st.text(), st.integers(0, 10**7), st.integers(0, 10**7),
        st.lists(st.text()).map(tuple), st.none() | st.floats(0, 10**6),
    ),
    st.integers(1, 200),
    st.booleans(),
)  # fmt: skip
def test_it_fits_any_width(state: ToolbarState, width: int, is_ascii: bool) -> None:
    assert len(fit_toolbar(state, width, is_ascii=is_ascii)) <= width
