"""GBNF: what its notation means, and what is said of a text that is none."""

import pytest

from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import TOKEN_SYMBOLS, Automaton
from oss_cli.grammar.gbnf import read_gbnf


def fits(grammar: str, text: str) -> bool:
    return Automaton(read_gbnf(grammar)).accepts(text.encode())


CASES = [
    ('root ::= "yes" | "no"', ["yes", "no"], ["", "y", "yesno", "YES"]),
    ('root ::= "a" "b"\n', ["ab"], ["a", "b", "a b"]),
    ('root ::= "a" | ', ["a", ""], ["b"]),
    ('root ::= "" # nothing', [""], ["a"]),
    ('root ::= "a"?', ["", "a"], ["aa"]),
    ('root ::= "a"*', ["", "a", "aaaa"], ["b", "aab"]),
    ('root ::= "a"+', ["a", "aaaa"], ["", "ab"]),
    ('root ::= "a"{3}', ["aaa"], ["aa", "aaaa"]),
    ('root ::= "a"{2,}', ["aa", "aaaaa"], ["a"]),
    ('root ::= "a"{1,3}', ["a", "aa", "aaa"], ["", "aaaa"]),
    ('root ::= "a"{0,2}', ["", "aa"], ["aaa"]),
    ('root ::= "a"{,2}', ["", "aa"], ["aaa"]),
    ('root ::= ("a" | "b")+ "c"', ["ac", "babc"], ["c", "ab"]),
    ('root ::= (\n  "a" # first\n  | "b"\n) "c"', ["ac", "bc"], ["c"]),
    ('root ::=\n  "a" |\n  "b"', ["a", "b"], ["ab"]),
    ("root ::= [abc]", ["a", "c"], ["d", "ab", ""]),
    ("root ::= [a-cx-z_]+", ["abz_"], ["d", "w"]),
    ("root ::= [^a-z]", ["A", "é", "日", "😀", "\n"], ["a", "z", ""]),
    ("root ::= [a-]+", ["a-a"], ["b"]),
    ("root ::= [\\]\\[\\\\^]+", ["[]\\^"], ["a"]),
    ('root ::= "\\"\\\\\\n\\t\\r"', ['"\\\n\t\r'], ["n"]),
    ('root ::= "\\x41\\u00e9\\U0001F600"', ["Aé😀"], ["A"]),
    ("root ::= [\\u4e00-\\u9fff]+", ["日本"], ["a", "😀"]),
    ("root ::= [à-ÿ]{2}", ["éü"], ["ab", "é"]),
    ("root ::= .", ["a", "é", "😀", "\n"], ["", "ab"]),
    ('root ::= item ("," item)*\nitem ::= [0-9]+', ["1", "1,22,3"], [",", "1,"]),
    ('root ::= "(" root ")" | ""', ["", "()", "((()))"], ["(", "())"]),
    ('root ::= expr\nexpr ::= term ("+" term)*\nterm ::= [0-9] | "(" expr ")"', ["1+(2+3)", "((1))"], ["1+", "(1"]),
    ('root ::= ("a"*)*', ["", "aaa"], ["b"]),
    ('root ::= long-name_2\nlong-name_2 ::= "x"', ["x"], ["y"]),
    ('root ::= "a"\r\n# a comment\r\nother ::= "b"\r\n', ["a"], ["b"]),
    ('root ::= "ab" "a"? "b" | "abc"', ["abab", "abb", "abc"], ["aba", "ab"]),
]


@pytest.mark.parametrize(("grammar", "fitting", "others"), CASES, ids=[case[0] for case in CASES])
def test_the_notation_means_what_it_does_in_llama_cpp(grammar: str, fitting: list[str], others: list[str]) -> None:
    assert [text for text in fitting if not fits(grammar, text)] == []
    assert [text for text in others if fits(grammar, text)] == []


def test_a_token_is_a_symbol_of_its_own() -> None:
    automaton = Automaton(read_gbnf('root ::= <[17]> "a"'))
    after = automaton.start.after((TOKEN_SYMBOLS + 17, ord("a")))
    assert after is not None and after.may_end and not after.may_go_on
    assert automaton.start.after(b"17") is None
    assert automaton.start.after((TOKEN_SYMBOLS + 18,)) is None


def test_given_rules_may_be_named_and_own_ones_go_before_them() -> None:
    given = {"word": read_gbnf('root ::= "given"')}
    assert Automaton(read_gbnf("root ::= word", given)).accepts(b"given")
    assert Automaton(read_gbnf('word ::= "own"\nroot ::= word', given)).accepts(b"own")


def test_half_a_character_is_no_end() -> None:
    automaton = Automaton(read_gbnf('root ::= "é"'))
    half = automaton.start.after(b"\xc3")
    assert half is not None and not half.may_end
    assert automaton.start.after(b"\xc4") is None


@pytest.mark.parametrize(
    ("grammar", "cause"),
    [
        ("", "it has no rule root"),
        ('answer ::= "a"', "it has no rule root"),
        ('root ::= "a', 'line 1, column 10: this " has no second one on its line'),
        ('root ::= "a\n"', 'line 1, column 10: this " has no second one on its line'),
        ("root ::= [ab", "line 1, column 10: this [ has no ] on its line"),
        ('root ::= ("a" | "b"', "line 1, column 10: this ( has no )"),
        ('root ::= "a" )', "line 1, column 14: ')' was not expected"),
        ("root ::= word", "line 1, column 10: there is no rule word"),
        ('root ::= "a"\n\n  two ::= one', "line 3, column 11: there is no rule one"),
        ('root = "a"', "line 1, column 6: ::= was expected after root"),
        ('"a" ::= "b"', "line 1, column 1: a rule was expected, such as: root ::= ..."),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 1: the rule root is defined twice"),
        ("root ::= [z-a]", "line 1, column 10: the range z-a is the wrong way round"),
        ("root ::= []", "line 1, column 10: this class holds no character"),
        ('root ::= "\\q"', "line 1, column 11: \\q is no escape"),
        ('root ::= "\\x4"', 'line 1, column 11: \\x4" is no escape'),
        ('root ::= "\\uD800"', "line 1, column 11: \\uD800 is no character"),
        ('root ::= "a"{3,1}', "line 1, column 13: {3,1} is the wrong way round"),
        ('root ::= "a"{}', "line 1, column 13: a repetition is written as {2}, {2,} or {2,5}"),
        ('root ::= "a"{x}', "line 1, column 13: a repetition is written as {2}, {2,} or {2,5}"),
        ("root ::= <think>", "line 1, column 10: a token is written as <[200008]>, by its id"),
        ("root ::= !<[3]>", "line 1, column 10: a token is written as <[200008]>, by its id"),
        (
            'root ::= root "a" | "b"',
            "line 1, column 1: the rule root leads back to itself before any text (left recursion)",
        ),
        (
            'root ::= "x" | list\nlist ::= blank list "a" | "b"\nblank ::= " "?',
            "line 2, column 1: the rule list leads back to itself before any text (left recursion)",
        ),
        (
            'root ::= one\none ::= two "x" | "1"\ntwo ::= one | "2"',
            "line 2, column 1: the rule one leads back to itself before any text (left recursion)",
        ),
        (
            'root ::= "a" root',
            "line 1, column 1: no text can have this form: the rule root never comes to an end",
        ),
        ("root ::= " + "(" * 101, "line 1, column 110: more than 100 groups lie inside each other"),
    ],
)  # fmt: skip
def test_an_error_names_line_and_column(grammar: str, cause: str) -> None:
    with pytest.raises(BadUsage) as caught:
        read_gbnf(grammar)
    assert (caught.value.message, caught.value.cause) == ("the grammar cannot be read", cause)


def test_a_repetition_of_a_million_costs_only_what_is_used() -> None:
    automaton = Automaton(read_gbnf('root ::= ("a" | "b"){5,1000000}'))
    assert automaton.accepts(b"abba" * 300)
    assert not automaton.accepts(b"abba")


def test_a_text_with_too_many_readings_is_refused_instead_of_eating_the_memory() -> None:
    ways = "\n".join(f'r{i} ::= "a" root "{i}" | "a"' for i in range(40))
    grammar = f"root ::= {' | '.join(f'r{i}' for i in range(40))}\n{ways}"
    with pytest.raises(BadUsage) as caught:
        Automaton(read_gbnf(grammar)).accepts(b"a" * 100)
    assert caught.value.message == "the grammar allows too many readings of one text"


def test_a_text_may_not_be_nested_without_end() -> None:
    automaton = Automaton(read_gbnf('root ::= "[" root? "]"'))
    assert automaton.accepts(b"[" * 250 + b"]" * 250)
    assert automaton.start.after(b"[" * 10_000) is None
