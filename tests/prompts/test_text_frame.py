"""Where an answer begins in a reply that is text: after the reasoning, if there is any."""

import pytest

from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.gbnf import read_gbnf
from oss_cli.grammar.nodes import ByteSet, text
from oss_cli.prompts.text_frame import text_frame
from oss_cli.prompts.text_reader import THINKING_TAGS

HALF = ByteSet(sum(1 << byte for byte in range(0x80, 0x100)))
THINK = THINKING_TAGS[0]


def frame(vocabulary: LlamaVocabulary, *, tags: tuple[str, str] | None, thinks: bool = False) -> Automaton:
    grammar = text_frame(vocabulary, tags=tags, thinks=thinks).grammar
    return Automaton(read_gbnf(grammar, {"answer": text("{}"), "half": HALF}))


def test_without_tags_the_first_byte_is_the_answers(gpt_oss: LlamaVocabulary) -> None:
    automaton = frame(gpt_oss, tags=None)
    assert automaton.accepts(b"{}")
    assert automaton.start.after(b" ") is None


@pytest.mark.parametrize(
    "reasoning",
    ["", "short", "two\nlines, {} and </thin", "<</think", "a < b </ think> </<", "日本 é", "</</</thi<"],
)
def test_reasoning_is_free_up_to_its_closing_tag(gpt_oss: LlamaVocabulary, reasoning: str) -> None:
    opened = frame(gpt_oss, tags=THINK, thinks=True)
    assert opened.accepts(f"{reasoning}</think>{{}}".encode())
    assert opened.accepts(f"{reasoning}</think>\n\n{{}}".encode())
    assert not opened.accepts(f"{reasoning}</think>x{{}}".encode())
    assert not opened.accepts(f"{reasoning}{{}}".encode())
    unopened = frame(gpt_oss, tags=THINK)
    assert unopened.accepts(f"<think>\n{reasoning}</think>\n{{}}".encode())
    assert unopened.accepts(b"{}")
    assert unopened.start.after(b"x") is None


def test_reasoning_may_be_cut_short_inside_a_character(gpt_oss: LlamaVocabulary) -> None:
    assert frame(gpt_oss, tags=THINK, thinks=True).accepts("日".encode()[:2] + b"\n</think>\n\n{}")


def test_other_tags_are_told_by_their_own_letters(gpt_oss: LlamaVocabulary) -> None:
    opened = frame(gpt_oss, tags=THINKING_TAGS[1], thinks=True)
    assert opened.accepts(b"a [/THIN [/THINK]{}")
    assert not opened.accepts(b"a </think>{}")
