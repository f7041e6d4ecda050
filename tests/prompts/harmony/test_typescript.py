"""Tools in the developer message, compared with openai_harmony's own rendering of the same schemas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.conversation.messages import Tool
from oss_cli.prompts.harmony.typescript import write_namespace
from tests.prompts.oracle import Oracle

TEXT = {"type": "string"}


def fields(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


SCHEMAS: dict[str, Any] = {
    "none": None,
    "empty": {},
    "object without properties": {"type": "object"},
    "no fields": fields(),
    "not an object": {"type": "array", "items": TEXT},
    "required": {**fields(a=TEXT, b=TEXT), "required": ["b", "zz"]},
    "title and description of the object": {**fields(a=TEXT), "title": "T", "description": "about\nmore"},
    "comments": fields(
        a={"type": "string", "title": "T", "description": "D1\nD2", "examples": ["x", 1, None], "default": "q"},
        b={"type": "string", "title": "", "description": "", "examples": []},
    ),
    "simple types": fields(
        a={"type": "integer"}, b={"type": "number"}, c={"type": "boolean"}, d={"type": "null"}, e={"type": "odd"}
    ),
    "type lists": fields(
        a={"type": ["string", "null"]}, b={"type": ["integer", "object"]}, c={"type": []}, d={"type": ["string"]}
    ),
    "any": fields(a={"anyOf": [TEXT]}, b={"$ref": "#/$defs/X"}, c={"const": 5}, d={"enum": ["x"]}, e=True),
    "enums": fields(
        a={"type": "string", "enum": ["x", 'q"t', "é"], "default": "x"},
        b={"type": "integer", "enum": [1, 2], "default": 2},
        c={"type": "string", "enum": []},
        d={"type": "string", "enum": ["a", None, 1], "default": 5},
        e={"type": ["string", "null"], "enum": ["a", None]},
        f={"type": "string", "enum": [1]},
    ),
    "defaults": fields(
        a={"type": "string", "default": 'say "hi"'},
        b={"type": "object", "default": {"k": [1, "é"]}},
        c={"type": "number", "default": 1.5},
        d={"type": "boolean", "default": None},
        e={"type": "integer", "default": "text"},
    ),
    "nullable": fields(
        a={"type": "string", "nullable": True, "enum": ["q"]},
        b={"type": "array", "items": TEXT, "nullable": True},
        c={"type": "object", "properties": {"x": TEXT}, "nullable": True},
        d={"nullable": True},
        e={"type": ["string", "null"], "nullable": True},
        f={"type": "number", "nullable": False},
    ),
    "arrays": fields(
        a={"type": "array"},
        b={"type": "array", "items": {}},
        c={"type": "array", "items": {"type": "array", "items": {"type": "string", "enum": ["p", "q"]}}},
        d={"type": "array", "items": {"type": ["string", "null"]}, "description": "list", "default": [1, 2]},
        e={"type": "array", "items": {**fields(x=TEXT), "description": "item"}},
        f={"type": "array", "items": {"oneOf": [TEXT, {"type": "integer", "nullable": True}]}},
    ),
    "nested objects": fields(
        a={
            **fields(b=TEXT, c={**fields(d={"type": "integer", "default": 3}), "description": "inner"}),
            "description": "outer",
            "title": "T",
            "required": ["b"],
        },
        z={"type": "array", "items": fields(q=fields(r=TEXT))},
    ),
    "oneOf": fields(
        a={
            "oneOf": [TEXT, fields(z=TEXT), {"type": "string", "enum": ["u", "v"], "default": "u"}],
            "title": "T",
            "description": "which",
            "examples": ["e"],
            "default": "g",
            "nullable": True,
        },
        b={"oneOf": []},
        c={"oneOf": [{"type": "integer", "description": "count", "default": 4}, {"oneOf": [TEXT, {}]}, True]},
    ),
    "oneOf in an object": fields(a=fields(b={"oneOf": [TEXT, fields(q=TEXT)], "description": "deep"})),
    "oneOf at the top": {"oneOf": [fields(a=TEXT), fields(b=TEXT)]},
    "odd names": {"type": "object", "properties": {"weird key-x": TEXT, "é": TEXT}},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_written_as_openai_writes_it(name: str, oracle: Oracle) -> None:
    tool = Tool("f", "Does it.\n\nAnd more.\n", SCHEMAS[name])
    assert write_namespace("functions", [tool]) == oracle.write_tools([tool])


def test_tools_without_description_are_written_as_openai_writes_them(oracle: Oracle) -> None:
    tools = [Tool("a"), Tool("b", "B", fields(x=TEXT)), Tool("c.d-e", "")]
    assert write_namespace("functions", tools) == oracle.write_tools(tools)


WORDS = st.text("ab é\"{}|'", max_size=6)
LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "null"])},
    optional={
        "description": WORDS,
        "title": WORDS,
        "nullable": st.booleans(),
        "default": WORDS | st.integers(-1000, 1000),
    },
)
GENERATED = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(
            lambda properties, required: {"type": "object", "properties": properties, "required": required},
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
            st.lists(st.sampled_from("abcd"), max_size=2),
        )
        | st.builds(lambda variants: {"oneOf": variants}, st.lists(inner, max_size=3))
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abcd"), GENERATED, max_size=4))
def test_generated_schemas_are_written_as_openai_writes_them(oracle: Oracle, properties: dict[str, object]) -> None:
    tool = Tool("f", "", {"type": "object", "properties": properties})
    assert write_namespace("functions", [tool]) == oracle.write_tools([tool])
