"""Rows in columns."""

import pytest

from oss_cli.terminal.tables import Row, show_table
from tests.terminal.streams import Kind, Output

HEADS = ("NAME", "SIZE", "GOOD FOR")
ROWS = [("smollm2-135m", "98 MB", "a first try"), ("gpt-oss-20b", "12.1 GB", "")]
PLAIN = "NAME          SIZE     GOOD FOR\nsmollm2-135m  98 MB    a first try\ngpt-oss-20b   12.1 GB\n"


def table(kind: Kind, heads: Row, rows: list[Row]) -> str:
    output = Output(kind)
    show_table(output.stream, heads, rows)
    return output.text


def test_columns_are_as_wide_as_their_widest_cell_and_no_line_ends_in_spaces() -> None:
    assert table(Kind.PIPE, HEADS, [*ROWS]) == PLAIN
    assert table(Kind.PLAIN, HEADS, [*ROWS]) == PLAIN


def test_in_colour_the_heads_stand_out() -> None:
    assert table(Kind.COLOUR, ("A", "B"), [("1", "2")]) == "\x1b[1mA  B\x1b[0m\n1  2\n"


def test_without_rows_there_are_the_heads() -> None:
    assert table(Kind.PIPE, HEADS, []) == "NAME  SIZE  GOOD FOR\n"


def test_a_long_line_is_cut_at_a_terminals_edge_and_never_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    rows = [("a", "123456789"), ("b", "1234567890")]
    assert table(Kind.PLAIN, ("N", "TEXT"), [*rows]) == "N  TEXT\na  123456789\nb  12345678…\n"
    assert table(Kind.PIPE, ("N", "TEXT"), [*rows]) == "N  TEXT\na  123456789\nb  1234567890\n"


def test_a_cell_is_one_line_and_cannot_drive_the_terminal() -> None:
    assert table(Kind.PIPE, ("A", "B"), [("x\n\ty  z", "\x1b[2J")]) == "A      B\nx y z  ␛[2J\n"


def test_wide_letters_take_two_cells_and_accents_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("模型-7b", "1 GB"), ("cafe\u0301", "2 GB"), ("plain", "3 GB")]
    assert table(Kind.PIPE, ("NAME", "SIZE"), [*rows]) == (
        "NAME     SIZE\n模型-7b  1 GB\ncafe\u0301     2 GB\nplain    3 GB\n"
    )
    monkeypatch.setenv("COLUMNS", "8")
    assert table(Kind.PLAIN, ("N",), [("通义千问模型",)]) == "N\n通义千…\n"
