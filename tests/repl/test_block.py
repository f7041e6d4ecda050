'''Blocks between `"""` and `"""`, as typed and in a script.'''

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.errors import BadUsage
from oss_cli.repl.block import is_block, is_open, without_quotes
from oss_cli.repl.reader import PipeReader, Typed


def read_all(script: str) -> list[Typed]:
    reader = PipeReader(io.BytesIO(script.encode()))
    lines = []
    while True:
        try:
            lines.append(reader.read())
        except EOFError:
            return lines


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ('"""\nfirst\nsecond\n"""', "first\nsecond"),
        ('"""first\nsecond"""', "first\nsecond"),
        ('"""one line"""', "one line"),
        ('""""""', ""),
        ('  """\n  indented\n"""  ', "  indented"),
        ('"""\ndef f():\n    """Doc."""\n    return 1\n"""', 'def f():\n    """Doc."""\n    return 1'),
        ('"""\n"""Doc\nmore\n"""\nx = 1\n"""', '"""Doc\nmore\n"""\nx = 1'),
        ('/system """\nBe brief.\nBe kind.\n"""', "/system Be brief.\nBe kind."),
    ],
)
def test_a_block_is_open_until_its_last_line_and_sent_without_its_quotes(typed: str, sent: str) -> None:
    lines = typed.split("\n")
    for number in range(1, len(lines)):
        assert is_open("\n".join(lines[:number]))
    assert not is_open(typed)
    assert without_quotes(typed) == sent
    assert is_block(typed) is not typed.startswith("/")
    assert read_all(typed + "\nnext\n") == [sent, "next"]


@pytest.mark.parametrize("text", ['say """ to me', '"""a""" is a string', '""', '"two" words', "/system plain", ""])
def test_other_quotes_are_words(text: str) -> None:
    assert not is_open(text)
    assert not is_block(text)
    assert without_quotes(text) == text


def test_a_script_mixes_lines_and_blocks() -> None:
    lines = read_all('\ufeffHello\n\n"""\n\n/etc is what?\n"""\r\n/exit\n')
    assert lines == ["Hello", "\n/etc is what?", "/exit"]
    assert [line.is_quoted for line in lines] == [False, True, False]


def test_a_block_without_an_end_is_an_error_that_names_its_line() -> None:
    with pytest.raises(BadUsage) as caught:
        read_all('Hello\n\n"""\nmore\n')
    assert caught.value.message == 'standard input ends inside a """ block'
    assert caught.value.cause == "it begins in line 3"


@given(st.text(alphabet='"\n a/'))
def test_any_text_is_a_message_or_goes_on(text: str) -> None:
    if not is_open(text):
        without_quotes(text)
        is_block(text)
    assert not is_open(f"x{text}")
