"""A reply that another model began, as the tokens from which this one goes on, by every format."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.harmony import HarmonyFormat
from oss_cli.prompts.plain import PlainFormat
from oss_cli.prompts.template import TemplateFormat
from tests.prompts.harmony.test_oracle import TEXTS
from tests.prompts.oracle import Oracle
from tests.prompts.test_template import CHATML, DEEPSEEK, QWEN_3

OPTIONS = RenderOptions("2026-11-23")
THOUGHT = "<|channel|>analysis<|message|>"
ASKED = [user_message("Hi")]


def begun(reasoning: str, content: str) -> Message:
    return Message(Role.ASSISTANT, content, reasoning=reasoning)


@pytest.fixture(scope="module")
def smol(smollm2: Path) -> LlamaVocabulary:
    return load_vocabulary(smollm2)


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (begun("Hm.", "Hello"), f"{THOUGHT}Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello"),
        (begun("", "Hello"), "<|channel|>final<|message|>Hello"),
        (begun("Hm.", ""), f"{THOUGHT}Hm."),
        (begun("", ""), ""),
    ],
)
def test_harmony_opens_reasoning_and_answer_and_closes_only_the_first(
    gpt_oss: LlamaVocabulary, oracle: Oracle, message: Message, written: str
) -> None:
    harmony = HarmonyFormat(gpt_oss)
    tokens = harmony.open_reply(harmony.render(ASKED, OPTIONS), message)
    assert tokens == oracle.encode_markup(written)


@given(reasoning=TEXTS, content=TEXTS)
def test_any_texts_give_the_tokens_that_openai_writes(
    gpt_oss: LlamaVocabulary, oracle: Oracle, reasoning: str, content: str
) -> None:
    harmony = HarmonyFormat(gpt_oss)
    prompt = harmony.render(ASKED, OPTIONS)
    message = begun(reasoning, content)
    # Without its three last tokens (<|end|>, and <|start|>assistant for the next) the conversation ends in the answer.
    wanted = oracle.render([user_message("Hi"), begun("", content)], OPTIONS)[:-3]
    assert prompt.tokens + harmony.open_reply(prompt, begun("", content)) == wanted
    thought = oracle.encode_markup(THOUGHT) + oracle.encode_text(reasoning)
    said = oracle.encode_markup("<|end|><|start|>assistant<|channel|>final<|message|>") + oracle.encode_text(content)
    assert harmony.open_reply(prompt, message) == thought + said


@pytest.mark.parametrize(
    ("template", "message", "written"),
    [
        (CHATML, begun("", "Hello"), "Hello"),
        (CHATML, begun("Hm.", "Hello"), "Hello"),
        (QWEN_3, begun("", "Hello"), "Hello"),
        (QWEN_3, begun("Hm.", "Hello"), "<think>\nHm.\n</think>\n\nHello"),
        (QWEN_3, begun("Hm.\n", "Hello"), "<think>\nHm.\n</think>\n\nHello"),
        (QWEN_3, begun("Hm.", ""), "<think>\nHm."),
        (DEEPSEEK, begun("Hm.", "Hello"), "Hm.\n</think>\n\nHello"),
        (DEEPSEEK, begun("", "Hello"), "\n</think>\n\nHello"),
        (DEEPSEEK, begun("Hm.", ""), "Hm."),
        (DEEPSEEK, begun("", ""), ""),
    ],
)
def test_a_template_opens_what_was_thought_between_its_tags_and_then_what_was_said(
    smol: LlamaVocabulary, template: str, message: Message, written: str
) -> None:
    prompt_format = TemplateFormat(smol, template)
    tokens = prompt_format.open_reply(prompt_format.render(ASKED, OPTIONS), message)
    assert tokens == smol.tokenize(written, parse_special=False)


def test_a_model_that_wants_a_beginning_gets_none_in_the_middle(smollm2: Path) -> None:
    vocabulary = load_vocabulary(smollm2)
    vocabulary.adds_bos = True
    prompt_format = TemplateFormat(vocabulary, CHATML)
    tokens = prompt_format.open_reply(prompt_format.render(ASKED, OPTIONS), begun("", "Hello"))
    assert tokens == vocabulary.tokenize("Hello", parse_special=False)


def test_a_plain_text_goes_on_where_it_is(smol: LlamaVocabulary) -> None:
    plain = PlainFormat(smol)
    tokens = plain.open_reply(plain.render(ASKED, OPTIONS), begun("Hm.", " there"))
    assert tokens == smol.tokenize(" there", parse_special=False)


@given(st.text(st.sampled_from("<|>_imstarend"), max_size=30) | st.sampled_from(["<|im_end|>", "<|<|im_end|>im_end|>"]))
def test_no_text_becomes_a_control_token(smol: LlamaVocabulary, text: str) -> None:
    for prompt_format in (TemplateFormat(smol, QWEN_3), PlainFormat(smol)):
        tokens = prompt_format.open_reply(prompt_format.render(ASKED, OPTIONS), begun(text, text))
        assert not any(smol.is_special(token) for token in tokens)
