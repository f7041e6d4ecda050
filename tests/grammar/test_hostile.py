"""Schemas made to hang or to crash whoever reads them: each ends in one error of ours, or works."""

import json
from typing import Any

import pytest

from oss_cli.conversation.answer_form import GrammarForm
from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.form import compile_form, read_schema, try_form
from oss_cli.grammar.validation import find_problem

Schema = dict[str, Any]


def doubled(keyword: str, end: Schema, **more: object) -> Schema:
    """Forty definitions, each of which names the next one twice."""
    definitions: Schema = {
        f"d{i}": {keyword: [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}], **more} for i in range(40)
    }
    return {"$defs": {**definitions, "d40": end}, "$ref": "#/$defs/d0"}


WORKING: list[tuple[str, object, str]] = [
    ("true", True, '{"a":[1]}'),
    ("nothing said", {}, "[]"),
    ("a billion items", {"type": "array", "items": {"const": 1}, "maxItems": 10**9}, "[1,1]"),
    ("a trillion characters", {"type": "string", "maxLength": 10**12}, '"ab"'),
    ("a billion properties", {"additionalProperties": {"const": 1}, "maxProperties": 10**9}, '{"a":1}'),
    ("the largest floating-point numbers", {"type": "number", "minimum": -1e308, "maximum": 1e308}, "7.5"),
    ("the smallest step", {"type": "number", "multipleOf": 1e-300}, "1"),
    ("a pattern that others try for ever", {"type": "string", "pattern": "^(a+)+$"}, f'"{"a" * 60}"'),
    ("a pattern with two readings of each letter", {"type": "string", "pattern": "^(a|aa)+$"}, f'"{"a" * 60}"'),
    ("repetitions of nothing", {"type": "string", "pattern": "^(a*)*(|b)+$"}, '"aab"'),
    ("repetitions of millions", {"type": "string", "pattern": "^((a{2,9999}){1,9999}){1,9999}$"}, f'"{"a" * 40}"'),
    ("a circle that has a way out", {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "null"),
    ("a thousand alternatives", {"oneOf": [{"const": i} for i in range(1000)]}, "999"),
    ("half a character", {"const": "\ud800", "$defs": {"x": {"not": {}}}}, '"\ud800"'),
    ("names that nobody would choose", {"properties": {"": {}, "\0": {}}, "required": ["", "\0"]},
     '{"":1,"\\u0000":2}'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "answer"), [case[1:] for case in WORKING], ids=[case[0] for case in WORKING])
def test_what_can_be_done_is_done(schema: object, answer: str) -> None:
    form = read_schema(json.dumps(schema))
    try_form(form)
    assert Automaton(compile_form(form)).accepts(answer.encode("utf-8", "surrogatepass"))


DEEP = "it is nested too deep: 64 levels are possible"
REFUSED: list[tuple[str, object, str]] = [
    ("false", False, "#: no value can be like this"),
    ("a reference to itself", {"$ref": "#"}, "#: no value can be like this"),
    ("references to each other", {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                                  "$ref": "#/$defs/a"}, "#: no value can be like this"),
    ("itself and itself", {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, "#: a schema more than 64 deep is not supported"),
    ("all of twice the next", doubled("allOf", {"type": "null"}),
     "#/$defs/d0: a schema more than 64 deep is not supported"),
    ("one of twice the next", doubled("anyOf", {"type": "string"}, minLength=1),
     "it is larger than 50,000 schemas, its references read in place"),
    ("a file of this computer", {"$ref": "file:///etc/passwd"},
     "#/$ref: the reference 'file:///etc/passwd' to something outside this schema is not supported"),
    ("infinity", '{"minimum": 1e999}', "a number in it is too large, or none"),
    ("no number", '{"minimum": NaN}', "a number in it is too large, or none"),
    ("a number of 5,000 digits", '{"minimum": ' + "9" * 5000 + "}", "a number in it is too large, or none"),
    ("a number of 4,000 digits", '{"type": "integer", "minimum": ' + "9" * 4000 + "}",
     "#/minimum: a number of so many digits is not supported"),
    ("a list 100,000 deep", '{"const": ' + "[" * 100_000, DEEP),
    ("a value 900 deep", '{"const": ' + "[" * 900 + "]" * 900 + "}", DEEP),
    ("a schema 300 deep", '{"properties":{"a":' * 300 + "{}" + "}}" * 300, DEEP),
    ("a pattern 5,000 groups deep", {"pattern": "(" * 5000 + ")" * 5000}, DEEP),
    ("an old dialect", {"$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": True},
     "#/$schema: the dialect 'http://json-schema.org/draft-04/schema#' is not supported"),
    ("a dialect that is a number", {"$schema": 3}, "#/$schema: the dialect 3 is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "cause"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_is_one_error(schema: object, cause: str) -> None:
    with pytest.raises(BadUsage) as caught:
        try_form(read_schema(schema if isinstance(schema, str) else json.dumps(schema)))
    assert caught.value.cause == cause


SLOW = "^(a|a)*b$"
"""Python's own reader of patterns tries this on `aaa…c` for as long as two to the power of its length."""
LONG = "a" * 60


@pytest.mark.parametrize(
    ("schema", "answer", "problem"),
    [
        ({"anyOf": [{"type": "string", "pattern": SLOW}, {"type": "string"}]}, LONG + "c", ""),
        ({"type": "string", "pattern": SLOW}, LONG + "c", f"#: '{LONG}c' does not match '{SLOW}'"),
        ({"type": "string", "pattern": "^\\w+$"}, "naïve", "#: 'naïve' does not match '^\\\\w+$'"),
        ({"type": "string", "pattern": "^\\W\\S\\D$"}, "€€€", ""),
        ({"type": "string", "pattern": "^a$"}, "a\n", "#: 'a\\n' does not match '^a$'"),
        ({"type": "string", "pattern": '\\u0001"\\\\'}, '<\u0001"\\>', ""),
        ({"patternProperties": {SLOW: {"type": "null"}}}, {LONG + "c": 1}, ""),
        ({"patternProperties": {SLOW: {"type": "null"}}}, {LONG + "b": 1}, f"#/{LONG}b: 1 is not of type 'null'"),
        (
            {"properties": {"x": {}}, "patternProperties": {SLOW: {}}, "additionalProperties": False},
            {"x": 1, LONG + "b": 1, LONG + "c": 1},
            f"#: Additional properties are not allowed ('{LONG}c' was unexpected)",
        ),
        (
            {"patternProperties": {SLOW: {}}, "additionalProperties": {"type": "null"}},
            {LONG + "c": 1},
            f"#/{LONG}c: 1 is not of type 'null'",
        ),
        (
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#"}},
                    {"type": "string", "pattern": SLOW},
                    {"const": "a"},
                ],
            },
            [LONG + "b", "a", [LONG + "b"]],
            "",
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": ["object", "string"],
                "pattern": SLOW,
                "additionalProperties": {"$ref": "#"},
            },
            {"x": LONG + "c"},
            f"#/x: '{LONG}c' does not match '{SLOW}'",
        ),
        ({"pattern": SLOW, "patternProperties": {SLOW: False}, "additionalProperties": False}, 7, ""),
    ],
)
def test_the_last_check_follows_each_pattern_once(schema: Schema, answer: object, problem: str) -> None:
    assert find_problem(schema, json.dumps(answer)) == problem


def test_a_grammar_that_repeats_nothing_for_ever_is_refused() -> None:
    with pytest.raises(BadUsage, match="too many readings"):
        try_form(GrammarForm('root ::= ("a"*){999999999}'))
