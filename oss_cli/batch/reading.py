"""The bytes of a JSONL file → entries. A line that is no request is an entry that says why. Knows nothing of CSV."""

import json
from collections.abc import Sequence
from dataclasses import replace

from oss_cli.batch.openai_form import ENVELOPE, read_openai
from oss_cli.batch.requests import Entry, Form, Problem, ProblemCode, Request
from oss_cli.batch.short_form import read_short
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.option_json import UnsupportedFields
from oss_cli.errors import BadUsage

_MOST_SHOWN = 5


def read_jsonl(data: bytes) -> list[Entry]:
    """The entries of a file, in order; empty lines are passed over. What cannot be read has the form of the rest."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    entries = [_read_line(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    form = next((entry.form for entry in entries if not _is_unreadable(entry)), Form.SHORT)
    return [replace(entry, form=form) if _is_unreadable(entry) else entry for entry in entries]


def settle_ids(entries: Sequence[Entry], name: str) -> list[Entry]:
    """The entries, no two with the same id: an answer is found by it, and better no batch than a wrong one.

    name: the input's, for people.

    Raises:
        BadUsage: there is no entry, or several were given the same id.
    """
    if not entries:
        raise BadUsage(
            f"there are no requests in {name}", hint='a line is {"id": "a", "prompt": "Why is the sky blue?"}'
        )
    given = {entry.key for entry in entries if not entry.is_numbered}
    entries = [
        replace(entry, id=f"line {entry.line}") if entry.is_numbered and entry.key in given else entry
        for entry in entries
    ]
    lines: dict[str, list[int]] = {}
    for entry in entries:
        lines.setdefault(entry.key, []).append(entry.line)
    doubles = [f"{key}: lines {', '.join(map(str, where))}" for key, where in lines.items() if len(where) > 1]
    if doubles:
        more = [f"and {len(doubles) - _MOST_SHOWN} more"] if len(doubles) > _MOST_SHOWN else []
        raise BadUsage(
            f"several requests in {name} have the same id",
            cause="\n".join([*doubles[:_MOST_SHOWN], *more]),
            hint="give each an id of its own; one without an id gets the number of its line",
        )
    return entries


def _read_line(line: bytes, number: int) -> Entry:
    try:
        text = line.decode()
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a character (\ud800) cannot be written again
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        return _bad(number, ProblemCode.INVALID_JSON, f"it is not UTF-8 text: {error.reason}")
    except json.JSONDecodeError as error:
        return _bad(number, ProblemCode.INVALID_JSON, f"it is not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        # Python reads as many levels as it makes calls inside each other: a thousand, less those that led here.
        is_deep = isinstance(error, RecursionError)
        cause = (
            "nested too deep: 900 levels can be read" if is_deep else "not JSON that can be read: a number is too long"
        )
        return _bad(number, ProblemCode.INVALID_JSON, f"it is {cause}")
    if not isinstance(value, dict):
        return _bad(number, ProblemCode.INVALID_JSON, "it is not a JSON object")
    form = Form.OPENAI if any(name in value for name in ENVELOPE) else Form.SHORT
    given = Fields(value, "")
    name = "custom_id" if form is Form.OPENAI else "id"
    identity = given.take(name)
    is_numbered = identity is None
    if is_numbered:
        identity = number
    if isinstance(identity, bool) or not isinstance(identity, (str, int)) or identity == "":
        return _bad(number, ProblemCode.INVALID_REQUEST, f"{name}: must be a text or a whole number", form)
    return Entry(identity, number, form, _read_request(given, form), is_numbered=is_numbered)


def _read_request(given: Fields, form: Form) -> Request | Problem:
    try:
        return read_openai(given) if form is Form.OPENAI else read_short(given)
    except UnsupportedFields as error:
        return Problem(ProblemCode.UNSUPPORTED_FIELD, str(error))
    except Unfit as error:
        return Problem(ProblemCode.INVALID_REQUEST, str(error))


def _bad(number: int, code: ProblemCode, message: str, form: Form = Form.SHORT) -> Entry:
    """An entry that nobody could read, under the number of its line."""
    return Entry(number, number, form, Problem(code, message), is_numbered=True)


def _is_unreadable(entry: Entry) -> bool:
    return isinstance(entry.request, Problem) and entry.request.code is ProblemCode.INVALID_JSON
