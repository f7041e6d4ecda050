"""The bytes of a CSV file and a template for prompts → entries, one a row. Knows nothing of JSON."""

import csv
import io
import string
from collections.abc import Iterator, Sequence

from oss_cli.batch.requests import Entry, Form, Problem, ProblemCode, Request
from oss_cli.conversation.messages import user_message
from oss_cli.errors import BadUsage

_ID_COLUMNS = ("id", "custom_id")
_LARGEST_FIELD = 1 << 30  # Python's own limit, 131,072, is less than a document
_HINT = "oss batch words.csv --prompt-template 'Translate {text}'"


def read_table(data: bytes, template: str, name: str) -> list[Entry]:
    """An entry for each row: the template with the row's values in the places of its columns' names.

    The first row names the columns; a column `id` or `custom_id` is the id. Commas part the values, or semicolons or
    tabs if the first row has no comma. name: the input's, for people.

    Raises:
        BadUsage: it is no UTF-8 text, has no first row, or the template asks for what it has not.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cause = f"byte {error.start:,} of {len(data):,} is 0x{data[error.start]:02x}"
        raise BadUsage(f"{name} is not UTF-8 text", cause=cause) from error
    parts = _parse_template(template)
    csv.field_size_limit(_LARGEST_FIELD)
    first_line = text.lstrip("\r\n").partition("\n")[0]
    delimiter = next((one for one in ",;\t" if one in first_line), ",")
    rows = _rows(text, delimiter, name)
    _, columns = next(rows, (0, []))
    columns = [column.strip() for column in columns]
    _check_columns(columns, parts, name)
    return [_entry(columns, row, line, parts) for line, row in rows]


def _rows(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of the line that it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise BadUsage(f"{name} is not CSV", cause=f"line {line}: {error}") from error
        if row is None:
            return
        if any(row):
            yield line, row


def _parse_template(template: str) -> list[tuple[str, str | None]]:
    """Text and the column that follows it, and so on."""
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        raise _bad_template(template, str(error)) from error
    for _, column, form, conversion in pieces:
        if column is not None and (form or conversion or not column):
            raise _bad_template(template, "a place is {column}, with nothing but its name; {{ and }} are braces")
    return [(text, column) for text, column, _, _ in pieces]


def _bad_template(template: str, cause: str) -> BadUsage:
    return BadUsage(f"{template!r} is not a prompt template", cause=cause, hint=_HINT)


def _check_columns(columns: Sequence[str], parts: Sequence[tuple[str, str | None]], name: str) -> None:
    if not columns:
        raise BadUsage(f"there are no rows in {name}", cause="the first row names the columns")
    doubles = sorted({column for column in columns if columns.count(column) > 1})
    if doubles:
        raise BadUsage(f"several columns of {name} have the same name", cause=", ".join(doubles))
    wanted = [column for _, column in parts if column is not None]
    if not wanted:
        raise BadUsage(
            "the prompt template has no place for a column", cause=f"the columns are {', '.join(columns)}", hint=_HINT
        )
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise BadUsage(f"{name} has no column {missing[0]!r}", cause=f"the columns are {', '.join(columns)}")


def _entry(columns: list[str], row: list[str], line: int, parts: Sequence[tuple[str, str | None]]) -> Entry:
    if len(row) != len(columns):
        problem = f"it has {len(row)} values for {len(columns)} columns"
        return Entry(line, line, Form.SHORT, Problem(ProblemCode.INVALID_REQUEST, problem), is_numbered=True)
    values = dict(zip(columns, row, strict=True))
    prompt = "".join(text + (values[column] if column is not None else "") for text, column in parts)
    identity = next((values[column] for column in _ID_COLUMNS if values.get(column)), None)
    request = Request((user_message(prompt),))
    return Entry(identity or line, line, Form.SHORT, request, is_numbered=identity is None)
