"""Responses through OpenAI's own client, on the tiny gpt-oss."""

from typing import Any

import openai
import pytest

from tests.server.serving import Server
from tests.server.test_chat import WEATHER
from tests.server.test_forms import Place

TOOL: Any = {"type": "function", "strict": False, **WEATHER["function"]}
MODEL = "tiny-gpt-oss"


def test_a_response_has_what_was_thought_and_said(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Say the word banana.")
    assert (response.output_text, response.status, response.object) == ("banana", "completed", "response")
    assert [item.type for item in response.output] == ["reasoning", "message"]
    thought: Any = response.output[0]
    assert thought.content[0].text == "The user wants the word banana."
    assert response.usage is not None
    assert (response.usage.output_tokens, response.usage.output_tokens_details.reasoning_tokens) == (25, 11)


def test_a_stream_tells_typed_events_in_their_order(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="Say the word banana.") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "banana"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    once = [kind for number, kind in enumerate(kinds) if kind != kinds[number - 1]]
    item = ["response.output_item.added", "response.content_part.added"]
    done = ["response.content_part.done", "response.output_item.done"]
    assert once == [
        "response.created", "response.in_progress",
        *item, "response.reasoning_text.delta", "response.reasoning_text.done", *done,
        *item, "response.output_text.delta", "response.output_text.done", *done,
        "response.completed",
    ]  # fmt: skip


def test_a_conversation_goes_on_from_its_last_response(client: openai.OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="My name is Alice.")
    second = client.responses.create(model=MODEL, input="What is my name?", previous_response_id=first.id)
    assert second.output_text == "Your name is Alice."
    assert second.previous_response_id == first.id
    apart = client.responses.create(model=MODEL, input="What is my name?")
    assert apart.output_text == "I do not know your name."


def test_one_that_is_not_to_be_kept_cannot_be_gone_on_from(client: openai.OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="My name is Alice.", store=False)
    with pytest.raises(openai.BadRequestError, match="There is no response 'resp_"):
        client.responses.create(model=MODEL, input="What is my name?", previous_response_id=first.id)


@pytest.mark.parametrize("by_id", [True, False])
def test_a_function_is_called_and_its_output_answered(client: openai.OpenAI, by_id: bool) -> None:
    question: Any = {"role": "user", "content": "What is the weather in Lisbon?"}
    first = client.responses.create(model=MODEL, input=[question], tools=[TOOL])
    call = first.output[-1]
    assert call.type == "function_call"
    assert (call.name, call.arguments, call.status) == ("get_weather", '{"city":"Lisbon"}', "completed")
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": '{"temp_c":21,"sky":"sunny"}'}
    if by_id:
        second = client.responses.create(model=MODEL, input=[output], tools=[TOOL], previous_response_id=first.id)
    else:
        items: Any = [question, *(item.model_dump() for item in first.output), output]
        second = client.responses.create(model=MODEL, input=items, tools=[TOOL])
    assert second.output_text == "It is 21 degrees and sunny in Lisbon."


def test_a_call_is_streamed(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model=MODEL, input="What is the weather in Lisbon?", tools=[TOOL], reasoning={"effort": "low"}
    ) as stream:
        kinds = [event.type for event in stream]
        call = stream.get_final_response().output[0]
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-3:] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert call.type == "function_call" and call.arguments == '{"city":"Lisbon"}'


def test_parse_gives_an_object_of_the_class(client: openai.OpenAI) -> None:
    response = client.responses.parse(model=MODEL, input="Answer in JSON: city Lisbon, number 42.", text_format=Place)
    assert response.output_parsed == Place(city="Lisbon", n=42)


def test_instructions_hold_for_one_response(client: openai.OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input="Say the word banana.", instructions="Always end with the word kiwi."
    )
    assert first.output_text == "banana kiwi"
    second = client.responses.create(model=MODEL, input="Say the word apple.", previous_response_id=first.id)
    assert second.output_text == "apple"


def test_a_response_that_is_cut_off_says_so(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Count to 60.", max_output_tokens=30)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None and response.incomplete_details.reason == "max_output_tokens"
    with client.responses.stream(model=MODEL, input="Count to 60.", max_output_tokens=30) as stream:
        assert [event.type for event in stream][-1] == "response.incomplete"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "input: must be a text or a list of items"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type computer_call: not supported"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type input_image"),
        ({"input": "Hi", "tools": [{"type": "web_search"}]}, "tools[0].type other than function: not supported"),
        ({"input": "Hi", "background": True}, "background: not supported"),
        ({"input": "Hi", "include": ["x"]}, "include: can only be"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(server: Server, body: object, problem: str) -> None:
    status, error = server.error("/v1/responses", body)
    assert status == 400
    assert error["message"].startswith(problem)
