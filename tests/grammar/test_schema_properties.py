"""The grammar of a schema against the `jsonschema` validator, on schemas and documents made up by chance."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema.validators import Draft202012Validator

from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.json_text import VALUE
from oss_cli.grammar.nodes import Node
from oss_cli.grammar.schema import compile_schema
from oss_cli.grammar.schema.formats import FORMATS
from oss_cli.grammar.schema.numbers import Bound, integer_between, number_between
from oss_cli.grammar.schema.pattern import string_matching
from oss_cli.grammar.validation import find_problem
from tests.grammar.walking import walk

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=6)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)
SIGNS = st.sampled_from(list('{}[]",:\\ \n\t01-.eE+nutfa\x00é'))


def schema_of(document: object, choose: Callable[..., Any]) -> dict[str, Any]:
    """A schema that a document fits: as narrow or wide as chance has it."""
    match document:
        case dict():
            required = [key for key in document if choose(st.booleans())]
            properties = {key: schema_of(value, choose) for key, value in document.items()}
            return {"type": "object", "properties": properties, "required": required}
        case list():
            items: list[dict[str, Any]] = [schema_of(value, choose) for value in document]
            if choose(st.booleans()):
                return {"type": "array", "prefixItems": items, "minItems": choose(st.integers(0, len(items)))}
            return {"type": "array", "items": {"anyOf": [*items, {"type": "null"}]}, "maxItems": len(items)}
        case bool() | None:
            return {"enum": [document, "other"]} if choose(st.booleans()) else {"type": ["boolean", "null"]}
        case int():
            low, high = document - choose(st.integers(0, 200)), document + choose(st.integers(0, 200))
            return {"type": choose(st.sampled_from(["integer", "number"])), "minimum": low, "maximum": high}
        case _:
            width = len(str(document))
            return {"type": "string", "minLength": choose(st.integers(0, width)), "maxLength": width + 2}


@given(DOCUMENTS, st.data())
def test_a_document_that_fits_is_let_through_however_it_is_spaced(document: object, data: st.DataObject) -> None:
    schema = schema_of(document, data.draw)
    assert Draft202012Validator(schema).is_valid(document)
    automaton = Automaton(compile_schema(schema))
    for separators in ((",", ":"), (", ", ": ")):
        text = json.dumps(document, ensure_ascii=False, separators=separators)
        assert automaton.accepts(text.encode())


@given(DOCUMENTS, st.data())
def test_whatever_is_let_through_is_json_that_fits(document: object, data: st.DataObject) -> None:
    schema = schema_of(document, data.draw)
    text = json.dumps(document, ensure_ascii=False)
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(SIGNS | st.just("")) + text[at + data.draw(st.integers(0, 1)) :]
    if Automaton(compile_schema(schema)).accepts(changed.encode("utf-8", "surrogatepass")):
        assert find_problem(schema, changed) == ""
    if Automaton(VALUE).accepts(changed.encode("utf-8", "surrogatepass")):
        json.loads(changed)


@given(DOCUMENTS, st.integers(0, 2**32), st.data())
def test_every_way_through_a_grammar_ends_in_json_that_fits(document: object, seed: int, data: st.DataObject) -> None:
    schema = schema_of(document, data.draw)
    text = walk(Automaton(compile_schema(schema)), seed)
    if text is not None:
        assert find_problem(schema, text.decode()) == ""


BOUNDS = st.none() | st.tuples(st.decimals(-2000, 2000, places=3) | st.integers(-99, 99).map(Decimal), st.booleans())


End = tuple[Decimal, bool] | None


def inside(value: Decimal, low: Bound | None, high: Bound | None) -> bool:
    above = low is None or value > low.value or (value == low.value and not low.is_open)
    return above and (high is None or value < high.value or (value == high.value and not high.is_open))


@given(BOUNDS, BOUNDS, st.decimals(-2100, 2100, places=3) | st.integers(-99, 99).map(Decimal))
def test_bounds_let_through_the_numbers_between_them(low: End, high: End, value: Decimal) -> None:
    ends = [None if bound is None else Bound(*bound) for bound in (low, high)]
    near = [value, *(end.value + step for end in ends if end is not None for step in (Decimal(0), Decimal("0.001")))]
    for number in near:
        texts = {f"{number:f}", f"{number.normalize():f}", f"{number.to_integral_value():f}"}
        for text in texts - {"-0", "-0.0", "-0.000"}:  # minus zero is not written
            fits = inside(Decimal(text), *ends)
            assert accepts(number_between(*ends), text) == fits, text
            if "." not in text:
                assert accepts(integer_between(*ends), text) == fits, text


def accepts(node: Node, text: str) -> bool:
    try:
        return Automaton(node).accepts(text.encode())
    except BadUsage:  # nothing lies between
        return False


PATTERNS = [
    "^[a-c]+$", "^\\w{2,4}$", "\\d", "^(ab|cd)*e?$", "^[^x]$", "^a.c$", "^\\S+\\s\\S+$", "^\\D\\W$",
    "^a{2}b{1,}c{0,2}$", '^"\\\\/$', "^[\\t\\n]+$", "^x|y$", "^[a\\-z]+$", "^[\\w.-]+@b$", "^(?:a|(b|c)d)+?$",
    "^\\u00e9\\x41$", "^$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_way_through_a_pattern_is_found_by_it(pattern: str) -> None:
    automaton = Automaton(string_matching(pattern))
    found = {walk(automaton, seed, longest=60) for seed in range(40)} - {None}
    assert found
    for inside_quotes in found:
        assert inside_quotes is not None
        assert re.search(pattern, json.loads(f'"{inside_quotes.decode()}"')), (pattern, inside_quotes)


DATE, MOMENT, IDENTIFIER = (Automaton(string_matching(FORMATS[name])) for name in ("date", "date-time", "uuid"))
CHECKS: dict[str, Any] = {
    "date": date.fromisoformat,
    "time": lambda text: time.fromisoformat(_short_seconds(text)),
    "date-time": lambda text: datetime.fromisoformat(_short_seconds(text)),
    "uuid": UUID,
    "email": lambda text: text.rindex("@", 1),
    "hostname": lambda text: text.encode("idna"),
    "ipv4": lambda text: [int(part) for part in text.split(".")],
    "uri": lambda text: text.index(":", 1),
}


def _short_seconds(text: str) -> str:
    """Without the digits that Python's own reader has no place for."""
    return re.sub(r"(\.\d{1,6})\d*", lambda match: match[1].ljust(7, "0"), text)


@pytest.mark.parametrize("name", FORMATS)
def test_every_way_through_a_format_is_of_that_format(name: str) -> None:
    automaton = Automaton(string_matching(FORMATS[name]))
    found = {walk(automaton, seed, longest=200) for seed in range(40)} - {None}
    assert len(found) > 20
    for text in found:
        assert text is not None
        CHECKS[name](text.decode())


@given(st.dates())
def test_every_date_is_let_through(day: date) -> None:
    assert DATE.accepts(day.isoformat().encode())


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_is_let_through(moment: datetime) -> None:
    text = moment.isoformat()
    assume(re.search(r"[+-]\d\d:\d\d$", text))  # some old offsets have seconds
    assert MOMENT.accepts(text.encode())


@given(st.uuids())
def test_every_uuid_is_let_through(number: UUID) -> None:
    assert IDENTIFIER.accepts(str(number).encode())
