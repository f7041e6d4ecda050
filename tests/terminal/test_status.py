"""The line that tells what is going on: late, seldom, and gone again."""

import pytest

from oss_cli.terminal.status import LoadStatus, StatusLine
from tests.terminal.streams import Clock, Kind, Output

CLEAR = "\r\x1b[2K"


def written(kind: Kind, moments: list[float]) -> str:
    """What stands there after updates at these seconds, without a clear."""
    output, clock = Output(kind), Clock()
    line = StatusLine(output.stream, clock)
    begin = clock.now
    for moment in moments:
        clock.now = begin + moment
        line.update(f"at {moment}")
    return output.text


def test_what_is_quick_needs_no_words() -> None:
    assert written(Kind.PLAIN, [0, 0.1, 0.2, 0.29]) == ""


def test_after_a_third_of_a_second_it_speaks_at_most_ten_times_a_second() -> None:
    assert written(Kind.PLAIN, [0, 0.35, 0.4, 0.44, 0.46, 0.6]) == f"{CLEAR}at 0.35{CLEAR}at 0.46{CLEAR}at 0.6"


def test_in_colour_it_stays_in_the_background() -> None:
    assert written(Kind.COLOUR, [0, 1]) == f"{CLEAR}\x1b[2mat 1\x1b[0m"


@pytest.mark.parametrize("kind", [Kind.PIPE, Kind.DUMB])
def test_it_is_silent_where_a_line_cannot_be_taken_away(kind: Kind) -> None:
    assert written(kind, [0, 1, 2]) == ""


def test_clearing_takes_the_line_away_once_and_the_wait_begins_anew() -> None:
    output, clock = Output(Kind.PLAIN), Clock()
    line = StatusLine(output.stream, clock)
    line.clear()
    line.update("a")
    clock.now += 1
    line.update("b")
    line.clear()
    line.clear()
    line.update("c")
    clock.now += 0.2
    line.update("d")
    clock.now += 0.2
    line.update("e")
    assert output.text == f"{CLEAR}b{CLEAR}{CLEAR}e"


def test_its_text_cannot_drive_the_terminal() -> None:
    output, clock = Output(Kind.PLAIN), Clock()
    line = StatusLine(output.stream, clock)
    line.update("")
    clock.now += 1
    line.update("\x1b[2J")
    assert output.text == f"{CLEAR}␛[2J"


def test_a_load_tells_its_share_and_leaves_nothing_behind() -> None:
    output, clock = Output(Kind.PLAIN), Clock()
    with LoadStatus(output.stream, "gpt-oss-20b", clock) as status:
        status.show(0.0)
        clock.now += 0.5
        status.show(0.427)
    assert output.text == f"{CLEAR}loading gpt-oss-20b: 43%{CLEAR}"
