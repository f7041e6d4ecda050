"""Conversations as JSON: nothing is lost, and nothing is taken on trust."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given

from oss_cli.conversation.archive import read_archive, write_archive
from oss_cli.conversation.messages import Message, ToolCall
from oss_cli.conversation.options import SamplingOptions
from oss_cli.conversation.tree import Conversation, Making, Node
from oss_cli.errors import BadUsage
from tests.history.conversations import conversations, sky, talk

SKY = {
    "conversations": [
        {
            "created": 1795521600.0,
            "date": "2026-11-24",
            "id": "sky0000001",
            "nodes": [
                {"content": "Why is the sky blue?", "created": 1795521600.0, "id": "sky-1", "role": "user"},
                {
                    "content": "Magic.",
                    "created": 1795521660.0,
                    "id": "sky-2",
                    "making": {"model": "tiny", "reason": "end"},
                    "parent": "sky-1",
                    "role": "assistant",
                },
                {
                    "content": "Rayleigh scattering, mostly.",
                    "created": 1795521720.0,
                    "id": "sky-3",
                    "making": {
                        "effort": "low",
                        "model": "gpt-oss-20b",
                        "model_sha256": "f" * 64,
                        "reason": "max_tokens",
                        "sampling": {"logit_bias": {"7": -1.0}, "temperature": 0.5},
                        "seed": 42,
                        "tokens": [1, 200000, 3],
                        "usage": {"decode_s": 0.25, "prompt_tokens": 9, "reply_tokens": 3},
                    },
                    "parent": "sky-1",
                    "reasoning": "They ask about light.",
                    "role": "assistant",
                },
            ],
            "system": "Be brief.",
            "tip": "sky-3",
            "title": "Sky",
            "updated": 1795521720.0,
        }
    ],
    "format": "oss-conversation",
    "version": 1,
}


def test_the_text_is_one_line_of_sorted_json() -> None:
    assert write_archive([sky()]) == json.dumps(SKY, ensure_ascii=False) + "\n"


@given(conversations())
def test_what_is_written_is_read_again(conversation: Conversation) -> None:
    (read,) = read_archive(write_archive([conversation]), source="x")
    assert read == conversation
    assert list(read.nodes) == list(conversation.nodes)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Conversation, "id created date title system tip updated nodes unreadable"),  # the last: of what is not there
        (Node, "id parent_id message created typed making summary_of"),
        (Message, "role content reasoning tool_calls tool_call_id name"),
        (ToolCall, "name arguments id"),
        (Making, "model model_sha256 effort sampling seed usage reason tokens"),
        (SamplingOptions, "temperature top_p top_k min_p repeat_penalty seed max_tokens stop logit_bias"),
    ],
)
def test_every_field_has_its_place_in_the_archive_and_in_the_database(kind: type, names: str) -> None:
    """A new field fails here until json_form.py, archive.py, rows.py, a step of the schema and this test know it."""
    assert [field.name for field in fields(kind)] == names.split()


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    (read,) = read_archive(write_archive([talk("a", "broken \ud800 letter")]), source="x")
    assert read.nodes["aq"].message.content == "broken ? letter"


def test_a_file_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(BadUsage):
        read_archive("[" * 200_000, source="x.json")


def changed(*path: str | int, to: object) -> str:
    document: Any = json.loads(json.dumps(SKY))
    value = document
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = to
    return json.dumps(document)


SECOND = ("conversations", 0, "nodes", 1)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[]", "must be an object"),
        (changed("format", to="x"), 'format: must be "oss-conversation"'),
        (changed("version", to=2), "version: is 2, this oss knows 1"),
        (changed("version", to=True), "version: must be a whole number"),
        (changed("more", to=1), "more: is not known"),
        (changed("conversations", 0, "id", to="../x"), "conversations[0].id: must be letters and digits, at most 64"),
        (changed("conversations", 0, "date", to=None), "conversations[0].date: is missing"),
        (changed("conversations", 0, "tip", to="x"), "conversations[0].tip: is no node of it"),
        (changed("conversations", 0, "created", to="x"), "conversations[0].created: must be a number"),
        (changed(*SECOND, to=3), "conversations[0].nodes[1]: must be an object"),
        (changed(*SECOND, "role", to="x"), "conversations[0].nodes[1].role: must be one of system, developer, user, "
         "assistant, tool"),
        (changed(*SECOND, "id", to="sky-1"), "conversations[0].nodes[1].id: is there twice"),
        (changed(*SECOND, "parent", to="sky-3"), "conversations[0].nodes[1].parent: is no node before it"),
        (changed(*SECOND, "summary_of", to="sky-2"),
         "conversations[0].nodes[1].summary_of: is no node that it follows"),
        (changed(*SECOND, "making", "sampling", to={"heat": 1}),
         "conversations[0].nodes[1].making.sampling.heat: is not known"),
        (changed(*SECOND, "making", "tokens", to=[1, -1]),
         "conversations[0].nodes[1].making.tokens[1]: must be a token's id"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_refused_with_its_place(text: str, cause: str) -> None:
    with pytest.raises(BadUsage) as raised:
        read_archive(text, source="x.json")
    assert raised.value.message == "x.json holds no conversations that can be imported"
    assert raised.value.cause == cause
