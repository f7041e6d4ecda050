"""Forms as people write them, and answers held against them: whole messages."""

import json

import pytest

from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.errors import BadUsage, ExitCode, ReplyNotValid
from oss_cli.grammar.form import check_answer, compile_form, read_schema

HINT = "--schema 'name str, age int, tags list[str], email?'"


def test_the_short_form_is_an_object_of_these_fields_alone() -> None:
    assert read_schema("name str, age int, tags list[str], email?") == SchemaForm(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "email": {"type": "string"},
            },
            "required": ["name", "age", "tags"],
            "additionalProperties": False,
        }
    )


def test_fields_may_stand_on_lines_of_their_own_with_what_they_mean() -> None:
    form = read_schema("name: who it is, in full\nprice float: in euros\nsold? bool,\nsizes list[list[int]]\n")
    assert isinstance(form.schema, dict)
    assert form.schema["properties"] == {
        "name": {"type": "string", "description": "who it is, in full"},
        "price": {"type": "number", "description": "in euros"},
        "sold": {"type": "boolean"},
        "sizes": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
    }
    assert form.schema["required"] == ["name", "price", "sizes"]


def test_the_model_is_told_a_schemas_title_and_description() -> None:
    form = read_schema('{"title": "Shopping list", "description": "What to buy", "type": "array"}')
    assert (form.name, form.description) == ("Shopping_list", "What to buy")


@pytest.mark.parametrize(
    ("source", "message", "cause", "hint"),
    [
        (
            "name strr",
            "the schema cannot be used",
            "the field 'name strr': 'strr' is none of str, int, float, bool and list[...]",
            HINT,
        ),
        ("a int, a str", "the schema cannot be used", "the field 'a str': there is a field a before it", HINT),
        ("1x", "the schema cannot be used", "the field '1x': a field is a name, then its type", HINT),
        (" , ", "the schema cannot be used", "it has no fields", HINT),
        ('{"type"', "the schema is not JSON", "line 1, column 8: Expecting ':' delimiter", ""),
        ("[1]", "the schema is no JSON Schema", "#: [1] is not of type 'object', 'boolean'", ""),
        ('{"minimum": "x"}', "the schema is no JSON Schema", "#/minimum: 'x' is not of type 'number'", ""),
        ("[" * 100_000, "the schema cannot be used", "it is nested too deep: 64 levels are possible", ""),
    ],
)
def test_a_schema_that_cannot_be_read_says_why(source: str, message: str, cause: str, hint: str) -> None:
    with pytest.raises(BadUsage) as caught:
        read_schema(source)
    assert (caught.value.message, caught.value.cause, caught.value.hint) == (message, cause, hint)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("", "it is empty"),
        ('{"n": 1', "it is not JSON: Expecting ',' delimiter at line 1, column 8"),
        ('{"n": "x"}', "#/n: 'x' is not of type 'integer'"),
        ('{"n": 7.25}', "#/n: 7.25 is not of type 'integer'"),
        ("[1]", "#: [1] is not of type 'object'"),
        ("{}", "#: 'n' is a required property"),
        ('["[",' * 100_000, "it is nested too deep: 100,000 levels, and more than 100 may be too many"),
        ("9" * 10_000, "it is not JSON that can be read: a number in it is too long"),
    ],
)
def test_an_answer_that_does_not_fit_says_where_and_why(answer: str, cause: str) -> None:
    with pytest.raises(ReplyNotValid) as caught:
        check_answer(read_schema("n int"), answer)
    assert (caught.value.message, caught.value.cause) == ("the answer does not fit the schema", cause)
    assert caught.value.exit_code is ExitCode.REPLY_NOT_VALID


def test_an_answer_deeper_than_can_be_checked_is_told_with_its_depth() -> None:
    lists = json.dumps(
        {"$defs": {"list": {"type": "array", "items": {"$ref": "#/$defs/list"}}}, "$ref": "#/$defs/list"}
    )
    form = read_schema(lists)
    check_answer(form, "[" * 100 + "]" * 100)
    with pytest.raises(ReplyNotValid) as caught:
        check_answer(form, "[" * 500 + "]" * 500)
    assert caught.value.cause == "it is nested too deep: 500 levels, and more than 100 may be too many"


@pytest.mark.parametrize(
    ("schema", "answer", "fits"),
    [
        ({"type": "number", "multipleOf": 0.1}, "1.1", True),
        ({"type": "number", "multipleOf": 0.1}, "1.15", False),
        ({"uniqueItems": True}, "[1,1]", False),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, "3", False),
        ({"enum": [0.5]}, "0.5", True),
    ],
)
def test_what_no_grammar_can_hold_is_found_out_at_the_end(schema: object, answer: str, fits: bool) -> None:
    assert isinstance(schema, dict)
    compile_form(SchemaForm(schema))
    if fits:
        check_answer(SchemaForm(schema), answer)
    else:
        with pytest.raises(ReplyNotValid):
            check_answer(SchemaForm(schema), answer)


def test_an_answer_is_held_against_a_grammar_too() -> None:
    form = GrammarForm('root ::= "yes" | "no"')
    check_answer(form, "yes")
    with pytest.raises(ReplyNotValid) as caught:
        check_answer(form, 'yes "' + "x" * 100)
    cause = '"yes \\"' + "x" * 73 + "…"
    assert (caught.value.message, caught.value.cause) == ("the answer does not fit the grammar", f"it is {cause}")
