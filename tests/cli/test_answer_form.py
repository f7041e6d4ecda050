"""`oss run --schema` and `--grammar` through `main`: what is read, what is refused, and what comes out."""

import json
from pathlib import Path

import pytest

from tests.harness import run_oss

ASKED = "Answer in JSON: city Lisbon, number 42."
ANSWER = '{"city":"Lisbon","n":42}'
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["city", "n"],
    "additionalProperties": False,
}


@pytest.fixture
def tiny(tiny_gpt_oss: Path) -> list[str]:
    """`run` on the tiny gpt-oss, with no chance in it."""
    return ["run", "-m", str(tiny_gpt_oss), "--temperature", "0", "-e", "low"]


def test_a_schema_is_json_or_a_file_or_fields(tiny: list[str]) -> None:
    Path("city.json").write_text("\ufeff" + json.dumps(SCHEMA), "utf-8")
    Path("fields").write_text("city: its name\nn int\n", "utf-8")
    for schema in (json.dumps(SCHEMA), "city.json", "./city.json", "city str, n int", "fields"):
        result = run_oss(*tiny, "--schema", schema, ASKED)
        assert (result.stdout, result.stderr, result.status) == (ANSWER + "\n", "", 0)


def test_the_model_is_told_the_schema_and_no_grammar(tiny: list[str]) -> None:
    Path("yes.gbnf").write_text('root ::= "yes" | "no"', "utf-8")
    told = run_oss(*tiny, "--dry-run", "--schema", "city, n int", ASKED).stdout
    assert told.count(json.dumps(SCHEMA, separators=(",", ":"))) == 1
    assert run_oss(*tiny, "--dry-run", "--grammar", "yes.gbnf", ASKED).stdout == (
        run_oss(*tiny, "--dry-run", ASKED).stdout
    )


def test_a_grammar_is_a_file_and_holds_plain_completion_too(tiny: list[str]) -> None:
    Path("yes.gbnf").write_text('root ::= "yes" | "no"', "utf-8")
    for extra in ([], ["--raw"]):
        result = run_oss(*tiny, *extra, "--grammar", "yes.gbnf", "Is water wet? ")
        assert (result.stdout in ("yes\n", "no\n"), result.stderr, result.status) == (True, "", 0)


def test_an_answer_that_breaks_off_is_of_no_use(tiny: list[str]) -> None:
    result = run_oss(*tiny, "--schema", "city, n int", "--max-tokens", "8", ASKED)
    assert result.stdout.startswith('{"city":')
    assert (result.stderr, result.status) == (
        "error: the answer was cut off before it was whole\n  the limit was 8 tokens\nhint: --max-tokens 512\n", 11,
    )  # fmt: skip


def test_what_no_grammar_can_hold_is_told_after_the_answer(tiny: list[str]) -> None:
    schema = json.dumps({"type": "array", "items": {"const": 1}, "uniqueItems": True, "minItems": 2, "maxItems": 2})
    result = run_oss(*tiny, "--schema", schema, ASKED)
    assert (result.stdout, result.stderr, result.status) == (
        "[ 1, 1 ]\n", "error: the answer does not fit the schema\n  #: [1, 1] has non-unique elements\n", 10,
    )  # fmt: skip
    value = json.loads(run_oss(*tiny, "--schema", schema, "--json", ASKED).stdout)
    assert (value["answer"], value["valid"], value["error"]["exit_code"]) == ("[ 1, 1 ]", False, 10)


def test_json_says_what_was_asked_for_and_whether_it_came(tiny: list[str]) -> None:
    value = json.loads(run_oss(*tiny, "--schema", "city, n int", "--json", ASKED).stdout)
    assert (value["answer"], value["valid"], value["options"]["schema"]) == (ANSWER, True, SCHEMA)
    cut = run_oss(*tiny, "--schema", "city, n int", "--jsonl", "--max-tokens", "8", ASKED)
    end = json.loads(cut.stdout.splitlines()[-1])
    assert (end["valid"], end["error"]["exit_code"], cut.status) == (False, 11, 11)


def test_a_conversation_that_goes_on_has_a_form_for_one_answer(tiny: list[str]) -> None:
    assert run_oss(*tiny, "--save", "Say the word banana.").stdout == "banana\n"
    assert run_oss(*tiny, "-c", "--schema", "city, n int", ASKED).stdout == ANSWER + "\n"
    assert run_oss(*tiny, "-c", "Say the word apple.").stdout == "apple\n"


def test_a_template_may_hold_a_form(tiny: list[str]) -> None:
    Path("yes.gbnf").write_text('root ::= "yes"', "utf-8")
    for name, form in (("city", ["--schema", "city, n int"]), ("yes", ["--grammar", "yes.gbnf"])):
        assert run_oss("template", "save", name, ASKED, *form).status == 0
    Path("yes.gbnf").unlink()
    assert run_oss(*tiny, "-t", "city").stdout == ANSWER + "\n"
    assert run_oss(*tiny, "-t", "yes").stdout == "yes\n"
    assert json.loads(run_oss(*tiny, "-t", "yes", "--schema", "n int").stdout) == {"n": 42}


def test_a_template_whose_form_is_none_is_named() -> None:
    saved = run_oss("template", "save", "bad", "x", "--schema", "a strr")
    assert (saved.stderr.splitlines()[0], saved.status) == ("error: the schema cannot be used", 2)
    assert run_oss("template", "save", "bad", "x", "--schema", "a str").status == 0
    path = Path(run_oss("template", "save", "bad", "x", "-y").stderr.removeprefix("saved: ").strip())
    path.write_text("prompt = 'x'\nschema = 'a strr'\n", "utf-8")
    result = run_oss("run", "-t", "bad")
    assert result.status == 9
    assert result.stderr == (
        f"error: {path} cannot be used\n  the schema cannot be used: the field 'a strr': 'strr' is none of str, int, "
        "float, bool and list[...]\nhint: oss template edit bad\n"
    )
    path.write_text("prompt = 'x'\nschema = 'a'\ngrammar = 'root ::= \"a\"'\n", "utf-8")
    assert "grammar: an answer has one form, and there is a schema" in run_oss("run", "-t", "bad").stderr


HINT = "hint: --schema 'name str, age int, tags list[str], email?'\n"
REFUSALS: list[tuple[list[str], str]] = [
    (["--schema", "a", "--grammar", "b"], "an answer has one form\n  --schema and --grammar are both given\n"),
    (["--schema", "none.json"], "none.json cannot be read\n  No such file or directory\n"),
    (["--schema", "./"], "./ cannot be read\n  Is a directory\n"),
    (["--grammar", "none.gbnf"], "none.gbnf cannot be read\n  No such file or directory\n"),
    (["--schema", "bytes.json"], "bytes.json cannot be read\n  it is not UTF-8 text: byte 1\n"),
    (["--schema", "/dev/zero"], "/dev/zero cannot be read\n  it is larger than 4,000,000 bytes\n"),
    (["--schema", ""], f"the schema cannot be used\n  it is empty\n{HINT}"),
    (["--schema", "empty"], f"the schema cannot be used\n  it is empty\n{HINT}"),
    (["--schema", ","], f"the schema cannot be used\n  it has no fields\n{HINT}"),
    (["--grammar", ""], "no grammar is named\n  --grammar takes the path of a file in GBNF\n"),
    (["--grammar", "empty"], "the grammar cannot be read\n  it has no rule root\nhint: root ::= \"yes\" | \"no\"\n"),
    (["--grammar", "nothing"], "the grammar cannot be read\n  it has no rule root\nhint: root ::= \"yes\" | \"no\"\n"),
    (["--schema", "n int" + "x" * 300],
     f"the schema cannot be used\n  the field 'n int{'x' * 300}': 'int{'x' * 300}' is none of str, int, float, bool "
     f"and list[...]\n{HINT}"),
    (["--schema", '{"a": '], "the schema is not JSON\n  line 1, column 7: Expecting value\n"),
    (["--schema", '{"name": "str"}'],
     "the schema asks for nothing\n  'name' is no keyword of JSON Schema\n"
     "hint: --schema 'name str, age int', or {\"properties\": {…}}\n"),
    (["--schema", '{"type": "text"}'],
     "the schema is no JSON Schema\n  #/type: 'text' is not valid under any of the given schemas\n"),
    (["--schema", "false"], "the schema cannot be used\n  #: no value can be like this\n"),
    (["--schema", '{"properties": {"a": {"not": {}}, "b": {"$ref": "http://a/b"}}, "if": {}}'],
     "the schema cannot be used\n  #: the keyword if is not supported\n"),
    (["--schema", '{"properties": {"a": {"not": {}}, "b": {"$ref": "http://a/b"}}}'],
     "the schema cannot be used\n"
     "  #/properties/b/$ref: the reference 'http://a/b' to something outside this schema is not supported\n"
     "  #/properties/a: the keyword not is not supported\n"),
    (["--grammar", "bad.gbnf"], "the grammar cannot be read\n  line 1, column 10: there is no rule answer\n"),
    (["--schema", "a", "-x"],
     "-x goes with no form of the answer\n  the whole answer has the form, and is written\n"),
    (["--schema", "a", "--stop", "x"],
     "stop strings go with no form of the answer\n  the form says where it ends, and 'x' might stand in it\n"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "text"), REFUSALS, ids=[" ".join(options)[:60] for options, _ in REFUSALS])
def test_what_cannot_be_is_told_before_a_model_is_looked_for(options: list[str], text: str) -> None:
    Path("bytes.json").write_bytes(b"{\xff}")
    Path("bad.gbnf").write_text("root ::= answer", "utf-8")
    Path("empty").write_text("\n", "utf-8")
    Path("nothing").touch()
    result = run_oss("run", "-m", "no-such-model", *options, "Hi")
    assert (result.stdout, result.stderr, result.status) == ("", f"error: {text}", 2)
