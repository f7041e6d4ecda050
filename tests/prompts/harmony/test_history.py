"""What a prompt holds of the conversation so far, and the prompts as a person reads them."""

from pathlib import Path

import pytest

from oss_cli.conversation.answer_form import SchemaForm
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, system_message, user_message
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.errors import BadUsage, EngineFailed
from oss_cli.prompts.base import PromptFormat, RenderOptions
from oss_cli.prompts.harmony import HarmonyFormat, has_markers
from tests.prompts.test_marking import SmallVocabulary

GOLDEN = Path(__file__).parents[2] / "golden" / "prompts"
OPTIONS = RenderOptions("2026-11-23")
WEATHER = Tool("get_weather", "Gets the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("get_weather", '{"city": "Oslo"}', "c1")


def said(content: str = "", reasoning: str = "", *calls: ToolCall) -> Message:
    return Message(Role.ASSISTANT, content, reasoning, calls)


def result(content: str, call_id: str = "c1", name: str = "") -> Message:
    return Message(Role.TOOL, content, tool_call_id=call_id, name=name)


def history_of(vocabulary: LlamaVocabulary, *messages: Message) -> str:
    """The prompt's text without its system message and its end."""
    text = HarmonyFormat(vocabulary).render(messages, OPTIONS).text
    return text.partition("<|end|>")[2].removesuffix("<|start|>assistant")


def test_an_interrupted_answer_stays_in_the_history(gpt_oss: LlamaVocabulary) -> None:
    history = history_of(gpt_oss, user_message("Hi"), said("The three reas", "hm"), user_message("Go on"))
    assert history == (
        "<|start|>user<|message|>Hi<|end|>"
        "<|start|>assistant<|channel|>final<|message|>The three reas<|end|>"
        "<|start|>user<|message|>Go on<|end|>"
    )


def test_a_reply_cut_off_in_its_reasoning_is_left_out(gpt_oss: LlamaVocabulary) -> None:
    history = history_of(gpt_oss, user_message("Hi"), said("", "Let me"), user_message("Again"))
    assert history == "<|start|>user<|message|>Hi<|end|><|start|>user<|message|>Again<|end|>"


def test_reasoning_before_the_last_answer_is_left_out_and_that_of_an_open_chain_of_calls_kept(
    gpt_oss: LlamaVocabulary,
) -> None:
    finished = (user_message("a"), said("", "old", CALL), result("1"), said("A", "older"))
    history = history_of(gpt_oss, *finished, user_message("b"), said("I'll look.", "new", CALL), result("2"))
    call = '<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Oslo"}<|call|>'
    answer = "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>"
    assert history == (
        f"<|start|>user<|message|>a<|end|>{call}{answer}1<|end|>"
        "<|start|>assistant<|channel|>final<|message|>A<|end|>"
        "<|start|>user<|message|>b<|end|>"
        "<|start|>assistant<|channel|>analysis<|message|>new<|end|>"
        f"<|start|>assistant<|channel|>commentary<|message|>I'll look.<|end|>{call}{answer}2<|end|>"
    )


def test_a_later_instruction_becomes_a_developer_message_in_its_place(gpt_oss: LlamaVocabulary) -> None:
    assert history_of(gpt_oss, user_message("Hi"), system_message("Be brief.")) == (
        "<|start|>user<|message|>Hi<|end|><|start|>developer<|message|># Instructions\n\nBe brief.<|end|>"
    )


def test_a_result_without_a_known_call_is_named_by_itself(gpt_oss: LlamaVocabulary) -> None:
    assert history_of(gpt_oss, result("12:00", "gone", "now")) == (
        "<|start|>functions.now to=assistant<|channel|>commentary<|message|>12:00<|end|>"
    )


def test_a_result_that_names_no_tool_is_refused(gpt_oss: LlamaVocabulary) -> None:
    with pytest.raises(BadUsage, match="a tool's message does not say which tool it is from") as refused:
        history_of(gpt_oss, user_message("Hi"), result("12:00", "gone"))
    assert refused.value.cause == "its tool_call_id is 'gone', and no call before it has that id"


def test_a_call_of_a_built_in_tool_is_written_as_the_model_writes_it(gpt_oss: LlamaVocabulary) -> None:
    harmony = HarmonyFormat(gpt_oss, builtin_tools=["python"])
    text = harmony.render([said("", "", ToolCall("python", "1+1", "c1")), result("2")], OPTIONS).text
    assert text.endswith(
        "<|start|>assistant to=python<|channel|>analysis code<|message|>1+1<|call|>"
        "<|start|>python to=assistant<|channel|>analysis<|message|>2<|end|><|start|>assistant"
    )


def test_the_next_turn_shares_the_stable_tokens(gpt_oss: LlamaVocabulary) -> None:
    harmony = HarmonyFormat(gpt_oss)
    turn = [system_message("Be kind."), user_message("Hi")]
    first = harmony.render(turn, OPTIONS)
    second = harmony.render([*turn, said("Hello", "greet"), user_message("Bye")], OPTIONS)
    assert second.tokens[: first.stable_tokens] == first.tokens[: first.stable_tokens]
    assert first.stable_tokens == len(first.tokens) - 2


def test_a_vocabulary_with_the_control_tokens_is_told_from_others(gpt_oss: LlamaVocabulary) -> None:
    assert has_markers(gpt_oss)
    assert not has_markers(SmallVocabulary())


def test_a_vocabulary_without_the_control_tokens_is_refused() -> None:
    with pytest.raises(EngineFailed, match="this model cannot speak harmony") as refused:
        HarmonyFormat(SmallVocabulary())
    assert refused.value.cause == (
        "its vocabulary lacks <|start|>, <|channel|>, <|message|>, <|end|>, <|return|>, <|call|>"
    )


def test_harmony_is_a_prompt_format(gpt_oss: LlamaVocabulary) -> None:
    harmony: PromptFormat = HarmonyFormat(gpt_oss)
    assert (harmony.name, harmony.is_plain) == ("harmony", False)


CONVERSATIONS = {
    "harmony_first_turn": [system_message("Answer in one sentence."), user_message("Why is the sky blue?")],
    "harmony_open_tool_call": [
        user_message("Weather in Oslo?"),
        said("I'll look it up.", "Need the tool.", CALL),
        result("-3 °C, <|end|> of report"),
    ],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_prompt_reads_as_its_golden_file(name: str, gpt_oss: LlamaVocabulary) -> None:
    tools = (WEATHER,) if "tool" in name else ()
    options = RenderOptions("2026-11-23", ReasoningEffort.LOW, tools)
    text = HarmonyFormat(gpt_oss).render(CONVERSATIONS[name], options).text
    assert text == (GOLDEN / f"{name}.txt").read_text("utf-8").removesuffix("\n")


def test_a_response_format_is_told_at_the_end_of_the_developer_message(gpt_oss: LlamaVocabulary) -> None:
    wanted = SchemaForm({"type": "array", "items": {"type": "string"}}, "shopping_list", "What to buy")
    options = RenderOptions("2026-11-23", tools=(WEATHER,), form=wanted)
    messages = [system_message("You help with shopping."), user_message("coffee, eggs")]
    text = HarmonyFormat(gpt_oss).render(messages, options).text
    assert text == (GOLDEN / "harmony_response_format.txt").read_text("utf-8").removesuffix("\n")
