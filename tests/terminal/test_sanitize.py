"""Nothing that a model says can drive the terminal."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.terminal.sanitize import visible
from tests.terminal.streams import Kind, Output

DANGEROUS = [
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"),
    *map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)),
    *map(chr, (0xAD, 0x200B, *range(0x2060, 0x2070), 0xFEFF, 0x3164, *range(0xE0000, 0xE0080))),
    *map(chr, (0x34F, *range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4))),
    *map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF)),
]
SELECTORS = [*map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))]
EMPTY_LETTERS = [*map(chr, (0x115F, 0x1160, 0x17B4, 0x17B5, 0xFFA0))]
# Letters, and far more control characters than chance would bring.
TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from(DANGEROUS), st.sampled_from(SELECTORS), st.sampled_from("\n\t[]0m;❤葛ᠠ"))
)
ALWAYS_THE_SAME = settings(derandomize=True, deadline=None)


@ALWAYS_THE_SAME
@given(TEXTS)
def test_no_control_character_but_line_feed_and_tab_survives(text: str) -> None:
    kinds = {character: unicodedata.category(character) for character in visible(text)}
    assert [character for character, kind in kinds.items() if kind in ("Cc", "Cs", "Zl", "Zp")] in (
        [], ["\n"], ["\t"], ["\n", "\t"], ["\t", "\n"],
    )  # fmt: skip
    assert not set(visible(text)) & set(DANGEROUS)


@ALWAYS_THE_SAME
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp", "Cn"])).filter(
        lambda text: not set(text) & set(DANGEROUS + EMPTY_LETTERS + SELECTORS)
    )
)
def test_text_without_controls_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain\n\ttext ~",
        "é 你好 שלום العربية हिन्दी",
        "👩‍👩‍👧 👍🏽 🇳🇴 ❤️",
        "می\u200cخواهم क्\u200dष 葛\U000e0100",
        "1\ufe0f\u20e3 ≨\ufe00 ᠠ\u180b 👁\ufe0f\u200d🗨\ufe0f",
    ],
)
def test_every_script_and_joined_emoji_are_left_as_they_are(text: str) -> None:
    assert visible(text) == text


@ALWAYS_THE_SAME
@given(st.lists(TEXTS))
def test_the_pieces_of_a_stream_give_what_the_whole_gives(pieces: list[str]) -> None:
    seen = ""
    for piece in pieces:
        seen += visible(piece, seen)
    assert seen == visible("".join(pieces), "")


@ALWAYS_THE_SAME
@given(TEXTS)
def test_what_is_visible_already_is_not_changed_again(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b2J", "<9B>2J"),
        ("\x00\x08\x0b\x7f", "␀␈␋␡"),
        ("a\r\nb\rc", "a␍\nb␍c"),
        ("\u202egpj.exe\u202c", "<U+202E>gpj.exe<U+202C>"),
        ("\u2066x\u2069\u200f", "<U+2066>x<U+2069><U+200F>"),
        ("a\u2028b\u2029", "a<U+2028>b<U+2029>"),
        ("\ud83d", "\ufffd"),
        ("rm\u200b -r\u00ad \ufeff", "rm<U+200B> -r<U+00AD> <U+FEFF>"),
        ("a\u034fb\U00013430\U0001bca0", "a<U+034F>b<U+13430><U+1BCA0>"),
        ("a\ufe0f\ufe01 \ufe00", "a<U+FE0F><U+FE01> <U+FE00>"),
        ("❤\ufe0f\ufe0f葛\U000e0100\U000e0101❤\U000e0100", "❤\ufe0f<U+FE0F>葛\U000e0100<U+E0101>❤<U+E0100>"),
        ("x\u180b\u180f", "x<U+180B><U+180F>"),
        ("hi\U000e0061\U000e007f", "hi<U+E0061><U+E007F>"),
    ],
)
def test_a_control_character_is_shown_as_what_it_is(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_piece_that_follows_nobody_knows_what_may_begin_with_one_selector() -> None:
    assert visible("\ufe0f\ufe0fx") == "\ufe0f<U+FE0F>x"
    assert visible("\ufe0f", "❤") == "\ufe0f"
    assert visible("\ufe0f", "") == visible("\ufe0f", "❤\ufe0f") == "<U+FE0F>"


def test_a_terminal_gets_what_is_visible_and_a_pipe_every_byte() -> None:
    watched, piped = Output(Kind.COLOUR), Output(Kind.PIPE)
    for output in (watched, piped):
        output.stream.write("\x1b[2Jhi\r\n")
    assert (watched.text, piped.text) == ("␛[2Jhi␍\n", "\x1b[2Jhi\r\n")


def test_styled_text_is_made_harmless_too() -> None:
    output = Output(Kind.COLOUR)
    output.stream.dim("\x1b[0m")
    output.stream.bold("\x07")
    output.stream.alarm("\x9b")
    assert output.text == "\x1b[2m␛[0m\x1b[0m\x1b[1m␇\x1b[0m\x1b[1;31m<9B>\x1b[0m"
