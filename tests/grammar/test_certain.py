"""Tokens of a text that has to come: those that the tokenizer makes of it, whatever follows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.grammar.automaton import Automaton, State
from oss_cli.grammar.certain import CertainTokens
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.schema import compile_schema
from oss_cli.grammar.token_table import TokenTable
from tests.backends.schemas import SCHEMAS
from tests.grammar.walking import walk
from tests.vocabulary import gpt_oss_vocabulary_path


class Known:
    """One vocabulary, and what is certain in it."""

    def __init__(self, vocabulary: LlamaVocabulary) -> None:
        self.vocabulary = vocabulary
        table = TokenTable(vocabulary.pieces())
        self.certain = CertainTokens(lambda: table, self.tokenize, vocabulary.piece)

    def tokenize(self, text: str) -> list[int]:
        return self.vocabulary.tokenize(text, parse_special=False)

    def pieces_after(self, state: State) -> list[str]:
        return [self.vocabulary.piece(token).decode() for token in self.certain.after(state)]


@pytest.fixture(scope="module", params=["gpt-oss", "SmolLM2"])
def known(request: pytest.FixtureRequest, smollm2: Path) -> Iterator[Known]:
    yield Known(load_vocabulary(gpt_oss_vocabulary_path() if request.param == "gpt-oss" else smollm2))


@pytest.fixture(scope="module")
def gpt_oss() -> Known:
    return Known(load_vocabulary(gpt_oss_vocabulary_path()))


def place(automaton: Automaton, before: str) -> State:
    state = automaton.start.after(before.encode())
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("grammar", "before", "expected"),
    [
        ('root ::= "{" " "? "\\"temperature_celsius\\":" " "? "\\""', '{"', ["temperature", "_c", "elsius"]),
        ('root ::= "{" " "? "\\"temperature_celsius\\":" " "? "\\""', '{"temp', ["er", "ature", "_c", "elsius"]),
        ('root ::= "{" " "? "\\"a\\":" " "? "\\""', "", []),  # {" is one token, and so is {
        ('root ::= "positive" | "negative"', "p", ["os", "itive"]),  # nothing can follow
        ('root ::= "positive" | "negative"', "", []),
        ('root ::= "it is yes" [.!]', "", ["it", " is", " yes"]),
        ('root ::= "it is yes" [a-z]', "", ["it", " is"]),  # and then yesterday, or an eye
        ('root ::= "日本" [a-z]', "", ["日本"]),
        ('root ::= "日" | "日本"', "", []),  # it may end there
        ('root ::= "日" | "旦"', "", []),  # two bytes are certain, but no character is
        ('root ::= "a"? "b"', "", []),
    ],
)
def test_what_is_certain_is_written_as_the_tokenizer_does(
    gpt_oss: Known, grammar: str, before: str, expected: list[str]
) -> None:
    state = place(Automaton(read_gbnf(grammar)), before)
    assert gpt_oss.pieces_after(state) == expected


def test_a_very_long_text_is_certain_in_parts(gpt_oss: Known) -> None:
    text = " ".join(f"word {number}" for number in range(400))
    state = Automaton(read_gbnf(f'root ::= "{text}"')).start
    said, parts = "", 0
    while new := "".join(gpt_oss.pieces_after(state)):
        said, parts = said + new, parts + 1
        following = state.after(new.encode())
        assert following is not None
        state = following
    assert (said, state.may_end) == (text, True)
    assert parts > 10


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_token_is_certain_that_a_fitting_answer_would_have_otherwise(known: Known, name: str) -> None:
    automaton = Automaton(compile_schema(SCHEMAS[name][1]))
    for text in filter(None, (walk(automaton, seed) for seed in range(30))):
        tokens = known.tokenize(text.decode())
        if b"".join(map(known.vocabulary.piece, tokens)) != text:  # SmolLM2 lacks some bytes
            continue
        state: State | None = automaton.start
        for at, token in enumerate(tokens):
            assert state is not None
            certain = list(known.certain.after(state))
            assert tokens[at : at + len(certain)] == certain, (text, at)
            state = state.after(known.vocabulary.piece(token))
