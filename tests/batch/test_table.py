"""Rows of CSV and a template → entries."""

import pytest

from oss_cli.batch.requests import Entry, Form, Problem, ProblemCode, Request
from oss_cli.batch.table import read_table
from oss_cli.conversation.messages import user_message
from oss_cli.errors import BadUsage


def prompts(text: str | bytes, template: str = "Translate {text}") -> list[tuple[str | int, str]]:
    data = text.encode() if isinstance(text, str) else text
    entries = read_table(data, template, "t.csv")
    return [
        (one.id, one.request.messages[0].content if isinstance(one.request, Request) else one.request.message)
        for one in entries
    ]


def refusal(text: str | bytes, template: str = "Translate {text}") -> str:
    with pytest.raises(BadUsage) as caught:
        prompts(text, template)
    return "\n".join(part for part in (caught.value.message, caught.value.cause, caught.value.hint) if part)


def test_each_row_fills_the_template_and_has_its_line_for_an_id() -> None:
    assert prompts("text,lang\nhello,de\n\nworld,fr\n", "{text} in {lang}, {{so}}") == [
        (2, "hello in de, {so}"),
        (4, "world in fr, {so}"),
    ]


def test_a_column_id_is_the_id_and_an_empty_one_is_none() -> None:
    assert prompts("id,text\nx,a\n,b\n") == [("x", "Translate a"), (3, "Translate b")]


def test_quotes_hold_commas_quotes_and_line_feeds_and_a_mark_at_the_beginning_is_no_text() -> None:
    assert prompts('\ufefftext,n\r\n"a, ""b""\r\nc",1\r\nd,2\r\n') == [
        (2, 'Translate a, "b"\r\nc'),
        (4, "Translate d"),
    ]


def test_semicolons_and_tabs_part_values_where_the_first_row_has_no_comma() -> None:
    assert prompts("text;n\na, b;1\n") == [(2, "Translate a, b")]
    assert prompts("text\tn\na, b\t1\n") == [(2, "Translate a, b")]


def test_a_column_name_may_have_spaces() -> None:
    assert prompts("the text , n\na,1\n", "Say {the text}.") == [(2, "Say a.")]


def test_a_field_may_be_longer_than_pythons_own_limit() -> None:
    assert prompts("text\n" + "x" * 200_000) == [(2, "Translate " + "x" * 200_000)]


def test_a_row_of_another_length_is_a_problem_and_the_rest_goes_on() -> None:
    entries = read_table(b"text,n\na,1\nb\nc,3\n", "{text}", "t.csv")
    assert entries == [
        Entry(2, 2, Form.SHORT, Request((user_message("a"),)), is_numbered=True),
        Entry(
            3, 3, Form.SHORT, Problem(ProblemCode.INVALID_REQUEST, "it has 1 values for 2 columns"), is_numbered=True
        ),
        Entry(4, 4, Form.SHORT, Request((user_message("c"),)), is_numbered=True),
    ]


@pytest.mark.parametrize(
    ("data", "template", "text"),
    [
        (b"", "{text}", "there are no rows in t.csv\nthe first row names the columns"),
        (b"text\n\xe9\n", "{text}", "t.csv is not UTF-8 text\nbyte 5 of 7 is 0xe9"),
        (b"a,b\n1,2\n", "{text}", "t.csv has no column 'text'\nthe columns are a, b"),
        (b"a,a\n1,2\n", "{a}", "several columns of t.csv have the same name\na"),
        (b'text\n"a\n', "{text}", "t.csv is not CSV\nline 2: unexpected end of data"),
        (
            b"text\na\n", "Translate",
            "the prompt template has no place for a column\nthe columns are text\n"
            "oss batch words.csv --prompt-template 'Translate {text}'",
        ),
        (
            b"text\na\n", "{text",
            "'{text' is not a prompt template\nexpected '}' before end of string\n"
            "oss batch words.csv --prompt-template 'Translate {text}'",
        ),
        (
            b"text\na\n", "{text!r} {}",
            "'{text!r} {}' is not a prompt template\n"
            "a place is {column}, with nothing but its name; {{ and }} are braces\n"
            "oss batch words.csv --prompt-template 'Translate {text}'",
        ),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(data: bytes, template: str, text: str) -> None:
    assert refusal(data, template) == text
