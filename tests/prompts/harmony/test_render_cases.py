"""The prompts of the case file, token by token. The ids are openai_harmony's."""

import json
from pathlib import Path
from typing import Any

import pytest

from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.harmony import HarmonyFormat

CASES = json.loads((Path(__file__).parents[1] / "cases" / "harmony_render_cases.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_conversation_becomes_the_tokens_of_the_case(case: dict[str, Any], gpt_oss: LlamaVocabulary) -> None:
    harmony = HarmonyFormat(
        gpt_oss, call_content_type=case["call_content_type"], builtin_tools=case["builtin_tools"] or ()
    )
    tools = tuple(read_tool(tool["function"]) for tool in case["tools"] or ())
    options = RenderOptions(case["date"], ReasoningEffort(case["reasoning_effort"]), tools)

    prompt = harmony.render([read_message(message) for message in case["messages"]], options)

    assert prompt.text == case["expected_text"]
    assert prompt.tokens == case["expected_token_ids"]
    start = gpt_oss.special("<|start|>")
    assert prompt.tokens[prompt.stable_tokens :] == [start, *gpt_oss.tokenize("assistant", parse_special=False)]


def read_message(wire: dict[str, Any]) -> Message:
    content = wire["content"] or ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    calls = tuple(read_call(call) for call in wire.get("tool_calls", ()))
    reasoning = wire.get("reasoning_content", "")
    return Message(Role(wire["role"]), content, reasoning, calls, wire.get("tool_call_id", ""))


def read_call(wire: dict[str, Any]) -> ToolCall:
    arguments = wire["function"]["arguments"]
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(wire["function"]["name"], arguments, wire["id"])


def read_tool(wire: dict[str, Any]) -> Tool:
    return Tool(wire["name"], wire["description"], wire.get("parameters"))
