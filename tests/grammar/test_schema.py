"""JSON Schema: which answers its grammar lets through, what is not supported, what nothing fits."""

import json
from typing import Any

import pytest

from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.schema import compile_schema
from oss_cli.grammar.schema.merge import Schema

NODE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["v"],
        }
    },
    "$ref": "#/$defs/node",
}
NAMED = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}
OPEN = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": {"type": "integer"}}

CASES: list[tuple[Schema, list[str], list[str]]] = [
    (NAMED, ['{"a":1}', '{"a": -7, "b": "x"}', '{ "a": 1 }'], ['{"b":"x"}', '{"b":"x","a":1}', '{"a":1,}', '{"a":1']),
    (NAMED, [], ['{"a":  1}', '{"a":\n1}', '\n{"a":1}', '{"a":1} ', '{"a":1,"c":2}', '{"a":"1"}']),
    ({"type": "string"}, ['""', '"é日😀"', r'"\"\\\/\b\f\n\r\t"', r'"\u00e9\ud83d\ude00"'], ['"', '"a\nb"', '"a\tb"']),
    ({"type": "string"}, [], [r'"\x"', r'"\ud83d"', r'"\ude00"', r'"\u12"', "'a'", '"\x00"']),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"é😀x"', r'"\n\ud83d\ude00"'], ['"a"', '"abcd"']),
    ({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}, ['"AB-12"'], ['"AB-"', '"ab-1"', '"AB-1x"']),
    ({"type": "string", "pattern": "b+"}, ['"abba"', '"b"'], ['"aa"', '""']),
    ({"type": "string", "pattern": "^a|z$"}, ['"a..."', '"...z"'], ['"ba"', '"zy"']),
    ({"type": "string", "pattern": '^"\\\\$'}, [r'"\"\\"'], ['""\\"']),
    ({"type": "integer"}, ["0", "-12", "123456789"], ["01", "-0x", "1.5", "1e3", "+1", ""]),
    ({"type": "number"}, ["0", "-1.5", "1e5", "2.5E-3"], ["01", "1.", ".5", "1e", "Infinity", "NaN"]),
    ({"type": "integer", "minimum": -5, "exclusiveMaximum": 124}, ["-5", "0", "123", "99"], ["-6", "124", "-0", "007"]),
    ({"type": "number", "minimum": 0.5, "maximum": 0.75}, ["0.5", "0.75", "0.6"], ["0.49", "0.751", "0", "1"]),
    ({"type": "boolean"}, ["true", "false"], ["True", "1", '"true"']),
    ({"type": "null"}, ["null"], ["None", '""']),
    ({"type": ["integer", "null"]}, ["3", "null"], ['"3"']),
    ({"enum": ["a", "ab", "b\n", 1, None, True]}, ['"ab"', r'"b\n"', "1"], ['"abc"', "2"]),
    ({"enum": [{"x": [1, 2]}, []]}, ['{"x": [1,2]}', "[]"], ['{"x":[1]}']),
    ({"type": "string", "enum": ["a", 1, "bb"], "maxLength": 1}, ['"a"'], ["1", '"bb"']),
    ({"const": "é"}, ['"é"'], ['"e"']),
    ({"items": {"type": "integer"}, "minItems": 2, "maxItems": 3}, ["[1,2]", "[1, 2, 3]"], ["[1]", "[]"]),
    ({"type": "array", "items": {"type": "integer"}, "maxItems": 3}, ["[]", "[1]"], ["[1,2,3,4]", "[1,]", "[,]"]),
    (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}, "minItems": 1},
        ["[1]", '[1,"a"]', '[1,"a",true, false]'],
        ["[]", '["a"]', "[1,true]"],
    ),
    ({"prefixItems": [{"type": "integer"}, {"type": "integer"}]}, ["[]", "[1,2]"], ["[1,2,3]"]),
    ({"type": "array", "items": False}, ["[]"], ["[1]"]),
    ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "null"}}]}, ["1", "[null]"], ["null", "[1]"]),
    ({"oneOf": [{"const": "a"}, {"const": "b"}]}, ['"a"', '"b"'], ['"c"']),
    (NODE, ['{"v":1,"kids":[{"v":2},{"v":3,"kids":[]}]}'], ['{"v":1,"kids":[{}]}', '{"kids":[]}']),
    (
        {"allOf": [NAMED, {"properties": {"b": {"minLength": 2}, "c": {"type": "null"}}, "required": ["c"]}]},
        ['{"a":1,"c":null}', '{"a":1,"b":"xx","c":null}'],
        ['{"a":1}', '{"a":1,"b":"x","c":null}'],
    ),
    (
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
         "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ['{"a":1}', '{"b":1}', '{"a":1,"b":2}'],
        ["{}"],
    ),
    (
        {"$defs": {"s": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/s", "maxLength": 1}}},
        ['{"a":"x"}'],
        ['{"a":"xx"}', '{"a":1}'],
    ),
    (OPEN, ['{"x":"1","y":2}', '{"xy":1,"":2}', "{}", '{"ü":3}'], ['{"x":1}', '{"y":"a"}', r'{"\u0078":1}']),
    (OPEN, [], ['{"y":1,"x":"a"}', '{"y":1,"x":1}']),
    ({"type": "object", "additionalProperties": False}, ["{}", "{ }"], ['{"a":1}']),
    ({"type": "object"}, ["{}", '{"a":{"b":[1,null,"x"]}}'], ["[]"]),
    ({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 2},
     ['{"a":null}', '{"a":null, "b":null}'], ["{}", '{"a":null,"b":null,"c":null}']),
    ({"patternProperties": {"^n_": {"type": "integer"}}}, ['{"n_a":1}', "{}"], ['{"m":1}', '{"n_a":"x"}']),
    ({"required": ["a"], "type": "object"}, ['{"a":[1]}'], ["{}", '{"b":1}']),
    ({"properties": {"a": False, "b": {"type": "null"}}}, ["{}", '{"b":null}'], ['{"a":1}']),
    ({"properties": {'q"\\é': {"type": "null"}}, "required": ['q"\\é']}, [r'{"q\"\\é":null}'], ["{}"]),
    ({}, ['{"a":[1,"x"]}', "null", "[[[]]]"], ["", "[", "nul"]),
    ({"title": "T", "description": "anything"}, ["1"], []),
    (True, ["1"], []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "fitting", "others"), CASES, ids=[json.dumps(case[0])[:60] for case in CASES])
def test_a_schema_lets_through_what_fits_it_and_nothing_else(
    schema: Schema, fitting: list[str], others: list[str]
) -> None:
    automaton = Automaton(compile_schema(schema))
    assert [text for text in fitting if not automaton.accepts(text.encode())] == []
    assert [text for text in others if automaton.accepts(text.encode())] == []


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"type": "string", "not": {"const": "a"}}, "#: the keyword not is not supported"),
        (
            {"properties": {"a/b": {"items": {"if": {}}}}},
            "#/properties/a~1b/items: the keyword if is not supported",
        ),
        ({"type": "object", "propertyNames": {"maxLength": 3}}, "#: the keyword propertyNames is not supported"),
        ({"items": {"dependentRequired": {}}}, "#/items: the keyword dependentRequired is not supported"),
        ({"type": "array", "contains": {}}, "#: the keyword contains is not supported"),
        ({"items": [{"type": "null"}]}, "#/items: a list of items is not supported"),
        (
            {"$ref": "https://example.org/a.json"},
            "#/$ref: the reference 'https://example.org/a.json' to something outside this schema is not supported",
        ),
        ({"anyOf": [{"$ref": "#/$defs/x"}]}, "#/anyOf/0/$ref: there is nothing at #/$defs/x"),
        ({"$defs": {"x": 3}, "$ref": "#/$defs/x"}, "#/$ref: what stands at #/$defs/x is no schema"),
        ({"format": "duration"}, "#/format: the format 'duration' is not supported"),
        ({"format": "date", "pattern": "a"}, "#: a format beside a pattern is not supported"),
        ({"pattern": "(?=a)b"}, "#/pattern: the group (?= in the pattern '(?=a)b' is not supported"),
        ({"pattern": "a\\b"}, "#/pattern: \\b in the pattern 'a\\\\b' is not supported"),
        ({"pattern": "(a)\\1"}, "#/pattern: \\1 in the pattern '(a)\\\\1' is not supported"),
        ({"pattern": "(a$)"}, "#/pattern: $ inside a group in the pattern '(a$)' is not supported"),
        ({"pattern": "a)"}, "#/pattern: ) at character 2 in the pattern 'a)' is not supported"),
        (
            {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
            "#: two different values of pattern for the same value is not supported",
        ),
        (
            {"$ref": "#", "maxLength": 3},
            "#: a schema more than 64 deep is not supported",
        ),
    ],
)  # fmt: skip
def test_a_feature_that_is_not_supported_is_named_with_its_place(schema: Schema, cause: str) -> None:
    with pytest.raises(BadUsage) as caught:
        compile_schema(schema)
    assert (caught.value.message, caught.value.cause) == ("the schema cannot be used", cause)


def test_all_that_is_not_supported_is_named_at_once() -> None:
    schema = {
        "$defs": {"x": {"contains": {}}, "unused": {"not": {}}},
        "properties": {
            "a": {"not": {}, "if": {}},
            "b": {"type": "array", "items": {"format": "iri"}},
            "c": {"$ref": "#/$defs/x"},
            "d": {"$ref": "#/$defs/x"},
            "e": {"anyOf": [{"pattern": "(?=x)"}, {"$ref": "other.json"}]},
        },
    }
    with pytest.raises(BadUsage) as caught:
        compile_schema(schema)
    assert caught.value.cause.splitlines() == [
        "#/properties/e/anyOf/0/pattern: the group (?= in the pattern '(?=x)' is not supported",
        "#/properties/e/anyOf/1/$ref: the reference 'other.json' to something outside this schema is not supported",
        "#/$defs/x: the keyword contains is not supported",
        "#/properties/b/items/format: the format 'iri' is not supported",
        "#/properties/a: the keyword not is not supported",
        "#/properties/a: the keyword if is not supported",
    ]
    assert caught.value.hint.startswith("one of ")


def test_of_very_many_features_ten_are_named() -> None:
    with pytest.raises(BadUsage) as caught:
        compile_schema({"anyOf": [{"not": {}} for _ in range(2000)]})
    assert caught.value.cause.splitlines()[9:] == ["#/anyOf/9: the keyword not is not supported", "and 1,990 more"]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (False, "#"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "#"),
        ({"properties": {"a": {"minLength": 3, "maxLength": 2}}, "required": ["a"]}, "#/properties/a"),
        ({"type": "array", "items": {"enum": []}, "minItems": 1}, "#/items"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "#"),
        ({"type": "string", "enum": [1, 2]}, "#"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "#"),
        ({"required": ["a", "b"], "maxProperties": 1}, "#"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "#"),
    ],
)
def test_a_schema_that_nothing_fits_is_an_error(schema: Schema, pointer: str) -> None:
    with pytest.raises(BadUsage) as caught:
        compile_schema(schema)
    assert caught.value.cause == f"{pointer}: no value can be like this"


def test_an_optional_property_that_nothing_fits_is_left_out() -> None:
    schema = {"properties": {"next": {"$ref": "#"}, "must": {"minimum": 2, "maximum": 1}}}
    automaton = Automaton(compile_schema(schema))
    assert automaton.accepts(b'{"next":{"next":{}}}')
    assert automaton.start.after(b'{"must"') is None


def test_twenty_thousand_values_are_one_choice() -> None:
    automaton = Automaton(compile_schema({"enum": [f"value {i}" for i in range(20_000)]}))
    assert automaton.accepts(b'"value 19999"')
    assert not automaton.accepts(b'"value 20000"')


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(70):
        schema = {"type": "array", "items": schema}
    with pytest.raises(BadUsage) as caught:
        compile_schema(schema)
    assert caught.value.cause.endswith("/items: a schema more than 64 deep is not supported")
