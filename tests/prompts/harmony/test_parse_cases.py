"""Replies as models write them, well formed or not: the messages read and the events streamed."""

import json
from pathlib import Path
from typing import Any

import pytest

from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.harmony import HarmonyMessage, HarmonyReader
from tests.prompts.harmony.replies import expect, join, read

CASES = json.loads((Path(__file__).parents[1] / "cases" / "harmony_parse_cases.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_reply_is_read_as_the_case_says(case: dict[str, Any], gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss, start_role=case["start_role"], reads_past_calls=True)

    events = read(reader, case["token_ids"])

    assert reader.messages == expected_messages(case)
    assert join(events) == expect(expected_messages(case))


@pytest.mark.parametrize("case", [case for case in CASES if case["start_role"]], ids=lambda case: case["name"])
def test_a_reply_stops_after_its_first_call_or_answer(case: dict[str, Any], gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    messages = expected_messages(case)
    calls = [i for i, message in enumerate(messages) if message.recipient]

    events = read(reader, case["token_ids"])

    assert join(events) == expect(messages[: calls[0] + 1] if calls else messages)


@pytest.mark.parametrize("case", [case for case in CASES if case["start_role"]], ids=lambda case: case["name"])
def test_nothing_of_a_header_is_shown_wherever_the_reply_is_cut_off(
    case: dict[str, Any], gpt_oss: LlamaVocabulary
) -> None:
    contents = [message["content"] for message in case["expected"]]
    for cut in range(len(case["token_ids"])):
        reader = HarmonyReader(gpt_oss)
        said = join(read(reader, case["token_ids"][:cut]))
        shown = [said.reasoning, said.preamble, said.answer, *(text for _, text in said.calls.values())]
        for text in shown:
            whole = "".join(contents)
            assert text.rstrip("\N{REPLACEMENT CHARACTER}") in whole, (cut, text)


def expected_messages(case: dict[str, Any]) -> list[HarmonyMessage]:
    pairs = zip(case["expected"], case["expected_ends"], strict=True)
    return [HarmonyMessage(end=end, **message) for message, end in pairs]
