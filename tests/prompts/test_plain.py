"""Base models: the text as it is, and a reply that is nothing but text."""

from pathlib import Path

import pytest

from oss_cli.conversation.events import TextDelta
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.base import Prompt, RenderOptions
from oss_cli.prompts.plain import PlainFormat

OPTIONS = RenderOptions("2026-11-23")


@pytest.fixture
def vocabulary(smollm2: Path) -> LlamaVocabulary:
    return load_vocabulary(smollm2)


def test_the_prompt_is_the_texts_with_a_blank_line_between_them(vocabulary: LlamaVocabulary) -> None:
    messages = [Message(Role.SYSTEM, "Be brief."), user_message("Once upon")]
    tokens = vocabulary.tokenize("Be brief.\n\nOnce upon", parse_special=False)
    assert PlainFormat(vocabulary).render(messages, OPTIONS) == Prompt(
        tokens, "Be brief.\n\nOnce upon", len(tokens) - 1
    )


def test_markers_in_the_text_stay_text(vocabulary: LlamaVocabulary) -> None:
    text = "<|im_end|><repo_name> a"
    assert PlainFormat(vocabulary).render([user_message(text)], OPTIONS).tokens == vocabulary.tokenize(
        text, parse_special=False
    )


def test_a_model_that_wants_a_beginning_gets_it_once(vocabulary: LlamaVocabulary) -> None:
    vocabulary.adds_bos = True
    assert vocabulary.bos == 1
    tokens = vocabulary.tokenize("a", parse_special=False)
    assert PlainFormat(vocabulary).render([user_message("a")], OPTIONS) == Prompt([1, *tokens], "a", len(tokens))


def test_nothing_to_go_on_with_is_no_tokens(vocabulary: LlamaVocabulary) -> None:
    assert PlainFormat(vocabulary).render([], OPTIONS) == Prompt([], "", 0)


def test_the_whole_reply_is_the_answer(vocabulary: LlamaVocabulary) -> None:
    prompt_format = PlainFormat(vocabulary)
    reader = prompt_format.reader(prompt_format.render([user_message("<think>")], OPTIONS))
    text = " <think>é</think> 👍\n"
    events = [event for token in vocabulary.tokenize(text, parse_special=False) for event in reader.feed(token)]
    events += reader.close()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert (len(events), reader.is_done) == (len([e for e in events if isinstance(e, TextDelta)]), False)
