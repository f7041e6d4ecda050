"""Which tokens are allowed at a place, against trying every one of them."""

import pytest

from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.schema import compile_schema
from oss_cli.grammar.schema.merge import Schema
from oss_cli.grammar.token_table import TokenTable
from tests.vocabulary import gpt_oss_vocabulary_path


@pytest.fixture(scope="module")
def pieces() -> list[bytes]:
    return list(load_vocabulary(gpt_oss_vocabulary_path()).pieces())


@pytest.fixture(scope="module")
def table(pieces: list[bytes]) -> TokenTable:
    return TokenTable(pieces)


PLACES: list[tuple[Schema | str, str]] = [
    ({"type": "object", "properties": {"a": {"type": "string"}}}, ""),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"a": "x'),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, '{"a": "x\\'),
    ({"type": "number"}, "1"),
    ({"type": "string", "pattern": "^[a-z ]+$"}, '"x'),
    ({"type": "string", "maxLength": 5}, '"x'),
    ({}, "["),
    ({"const": "é日"}, '"'),
    ('root ::= [^日\\n]*', "x"),
    ("root ::= [^\\u0800-\\uFFFF]*", "x"),
    ("root ::= .*", "x"),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2000}, "[1"),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, "[1,2"),
    ({"type": "string", "minLength": 2000}, '"x'),
    ('root ::= [\xf0-\xff]* "é"', ""),
]  # fmt: skip


@pytest.mark.parametrize(("form", "before"), PLACES, ids=str)
def test_the_allowed_tokens_are_those_that_pass_one_by_one(
    table: TokenTable, pieces: list[bytes], form: Schema | str, before: str
) -> None:
    automaton = Automaton(read_gbnf(form) if isinstance(form, str) else compile_schema(form))
    state = automaton.start.after(before.encode())
    assert state is not None
    expected = [token for token, piece in enumerate(pieces) if piece and state.after(piece) is not None]
    assert sorted(table.allowed(state)) == expected
    assert table.allowed(state) is table.allowed(state)


@pytest.mark.parametrize("limits", [{"minItems": 5000}, {"minItems": 5000, "maxItems": 6000}], ids=str)
def test_the_items_of_a_long_list_are_looked_at_once(table: TokenTable, limits: dict[str, int]) -> None:
    item = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}, "required": ["name"]}
    automaton = Automaton(compile_schema({"type": "array", "items": item, **limits}))
    item_text = b'{"name":"ab"}'
    for before in (b"", b'{"', b'{"name":"a', b'{"name":"ab"'):
        first, tenth, last = (automaton.start.after(b"[" + (item_text + b",") * n + before) for n in (1, 10, 4999))
        assert first is not None and tenth is not None and last is not None
        assert first is not tenth
        assert table.allowed(first) is table.allowed(tenth)
        assert table.allowed(first) is not table.allowed(last)


def test_half_a_character_is_completed_by_another_token(table: TokenTable, pieces: list[bytes]) -> None:
    state = Automaton(read_gbnf('root ::= "日"')).start
    assert b"\xe6" in {pieces[token] for token in table.allowed(state)}
    half = state.after(b"\xe6")
    assert half is not None
    assert {pieces[token] for token in table.allowed(half)} >= {b"\x97"}
