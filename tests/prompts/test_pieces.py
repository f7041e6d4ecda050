"""Tokens of a text in pieces are those of the whole text, and only what is new is tokenised."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.engine.llama.model import load_header, load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.pieces import PieceTokenizer
from oss_cli.prompts.template import TemplateFormat
from tests.vocabulary import gpt_oss_vocabulary_path

OPTIONS = RenderOptions("2026-11-23")
LONG = "the quick brown fox, " * 250
"""Enough to be tokenised in pieces."""
WORDS = [
    "<|im_end|>", "<|im_start|>", "<|im_", "end|>", "<|endoftext|>", "<repo_name>", "<|end|>", "<|start|>",
    "<|return|>", "<|", "|>", "<", " ", "  ", "\n", "\n\n", "é", "a", "7", "user", "'s", "中文", "🚀",
]  # fmt: skip


class CountingVocabulary(LlamaVocabulary):
    """SmolLM2's vocabulary; it notes how many characters it was given."""

    characters = 0

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        self.characters += len(text)
        return super().tokenize(text, parse_special=parse_special)


class WrittenVocabulary:
    """Control tokens by their names, any other character by its code; a name that is longer is found first."""

    bos: int | None = None
    eos: int | None = None
    adds_bos = False

    def __init__(self, names: Sequence[str], *, swallows_space: bool = False) -> None:
        self._names = {name: -number for number, name in enumerate(names, 1)}
        self._swallows_space = swallows_space

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        for name in sorted(self._names, key=len, reverse=True):
            before, found, after = text.partition(name)
            if found:
                before = before.rstrip() if self._swallows_space else before
                rest = self.tokenize(after, parse_special=True)
                return [*self.tokenize(before, parse_special=True), self._names[name], *rest]
        return [ord(character) for character in text]

    def special(self, name: str) -> int | None:
        return self._names.get(name)

    def special_names(self) -> dict[str, int]:
        return self._names

    def is_control(self, token: int) -> bool:
        return token < 0

    def is_special(self, token: int) -> bool:
        return token < 0

    def name(self, token: int) -> str:
        return next((name for name, number in self._names.items() if number == token), "")

    def piece(self, token: int) -> bytes:
        return b""

    def is_end(self, token: int) -> bool:
        return False


@pytest.fixture(scope="module", params=["smollm2", "gpt-oss"])
def real(request: pytest.FixtureRequest, smollm2: Path) -> tuple[LlamaVocabulary, PieceTokenizer]:
    vocabulary = load_vocabulary(smollm2 if request.param == "smollm2" else gpt_oss_vocabulary_path())
    return vocabulary, PieceTokenizer(vocabulary, lambda name: True)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map("".join), st.lists(st.sampled_from(WORDS)).map("".join))
def test_pieces_have_the_tokens_of_the_whole_text(
    real: tuple[LlamaVocabulary, PieceTokenizer], before: str, after: str
) -> None:
    vocabulary, pieces = real
    text = before + LONG + after
    assert pieces.tokenize([text]) == vocabulary.tokenize(text, parse_special=True)


@pytest.mark.parametrize(
    "names", [("<a>", "<<a>>"), ("<a>", "x<a"), ("<a>", "b<"), ("<a>", "<a><a>"), ("<a>", "<b>"), (" a", "<b>")]
)
@pytest.mark.parametrize("swallows_space", [False, True])
@given(st.lists(st.sampled_from(["<", "a", ">", "b", "x", " ", "<a>", "<b>", "<<a>>", "x<a"])).map("".join))
def test_names_that_overlap_are_not_cut_apart(names: tuple[str, ...], swallows_space: bool, text: str) -> None:
    vocabulary = WrittenVocabulary(names, swallows_space=swallows_space)
    text += " <a>" + "y" * 4000 + text + " <a> <b>"
    pieces = PieceTokenizer(vocabulary, lambda name: True)
    assert pieces.tokenize([text]) == vocabulary.tokenize(text, parse_special=True)


def talk(messages: int) -> list[Message]:
    texts = [f"{number} <|im_end|> of rain in Lisbon " * 5 for number in range(messages)]
    return [
        user_message(text) if number % 2 == 0 else Message(Role.ASSISTANT, text) for number, text in enumerate(texts)
    ]


def test_a_conversation_that_goes_on_has_only_its_new_message_tokenised(smollm2: Path) -> None:
    header = load_header(smollm2)
    template = header.chat_template
    assert template is not None
    vocabulary = CountingVocabulary(header.vocabulary._pointer)
    written = TemplateFormat(vocabulary, template)
    messages = talk(101)
    written.count_prompt(messages[:99], OPTIONS)
    vocabulary.characters = 0
    count = written.count_prompt(messages, OPTIONS)
    assert 0 < vocabulary.characters < 10 * sum(len(one.content) for one in messages[99:])
    vocabulary.characters = 0
    prompt = written.render(messages, OPTIONS)
    assert (vocabulary.characters, len(prompt.tokens)) == (0, count)
    fresh = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    assert prompt.text.startswith(fresh)
    assert prompt.stable_tokens == count - len(vocabulary.tokenize("<|im_start|>assistant\n", parse_special=True))


def test_markers_of_others_stay_text_in_pieces(smollm2: Path) -> None:
    header = load_header(smollm2)
    template = header.chat_template
    assert template is not None
    messages = talk(101)
    tokens = TemplateFormat(header.vocabulary, template).render(messages, OPTIONS).tokens
    ends, starts = (header.vocabulary.special(name) for name in ("<|im_end|>", "<|im_start|>"))
    assert (tokens.count(ends or 0), tokens.count(starts or 0)) == (102, 103)
