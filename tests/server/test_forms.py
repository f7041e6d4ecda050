"""Answers and calls that must have a form, through OpenAI's own client."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.server.serving import Server
from tests.server.test_chat import BANANA, WEATHER


class Place(BaseModel):
    city: str
    n: int


LISBON: list[Any] = [{"role": "user", "content": "Answer in JSON: city Lisbon, number 42."}]
FORECAST: Any = {
    "type": "function",
    "function": {"name": "get_forecast", "parameters": {"type": "object", "properties": {"days": {"enum": [1, 2, 3]}}}},
}


def test_parse_gives_an_object_of_the_class(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="tiny-gpt-oss", messages=LISBON, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Lisbon", n=42)


def test_what_the_client_has_parsed_is_taken_back(client: openai.OpenAI) -> None:
    """It puts notes of its own into the messages that its users put into the next request."""
    first = client.chat.completions.parse(model="tiny-gpt-oss", messages=LISBON, response_format=Place)
    said = first.choices[0].message.model_dump(exclude_none=True, warnings=False)
    assert said["parsed"] == {"city": "Lisbon", "n": 42}
    rome = {"role": "user", "content": "Answer in JSON: city Rome, number 7."}
    messages: list[Any] = [*LISBON, said | {"annotations": []}, rome]
    second = client.chat.completions.parse(model="tiny-gpt-oss", messages=messages, response_format=Place)
    assert second.choices[0].message.parsed == Place(city="Rome", n=7)


def test_a_call_that_the_client_has_put_together_is_taken_back(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    with client.chat.completions.stream(model="tiny-gpt-oss", messages=messages, tools=[WEATHER]) as stream:
        message = stream.get_final_completion().choices[0].message
    said = message.model_dump()
    [call] = said["tool_calls"]
    assert "index" in call and "parsed_arguments" in call["function"]
    messages += [said, {"role": "tool", "tool_call_id": call["id"], "content": '{"temp_c":21,"sky":"sunny"}'}]
    answer = client.chat.completions.create(model="tiny-gpt-oss", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "It is 21 degrees and sunny in Lisbon."


def test_an_answer_of_the_small_model_fits_the_schema(small_server: Server) -> None:
    with small_server.client() as client:
        answer = client.chat.completions.parse(
            model="smollm2",
            messages=[{"role": "user", "content": "Where is the Eiffel Tower?"}],
            response_format=Place,
            max_tokens=200,
        )
    assert isinstance(answer.choices[0].message.parsed, Place)


def test_json_object_gives_an_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny-gpt-oss", messages=LISBON, response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content or "") == {"city": "Lisbon", "n": 42}


def test_a_call_can_be_required(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny-gpt-oss", messages=BANANA, tools=[WEATHER], tool_choice="required", max_tokens=200
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls
    assert calls is not None and calls[0].type == "function"
    assert calls[0].function.name == "get_weather"
    assert list(json.loads(calls[0].function.arguments)) == ["city"]


def test_one_function_can_be_named(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny-gpt-oss",
        messages=[{"role": "user", "content": "What is the weather in Lisbon?"}],
        tools=[WEATHER, FORECAST],
        tool_choice={"type": "function", "function": {"name": "get_forecast"}},
        max_tokens=200,
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None and calls[0].type == "function"
    assert calls[0].function.name == "get_forecast"
    assert set(json.loads(calls[0].function.arguments)) <= {"days"}


def test_with_a_strict_tool_the_model_still_may_answer(client: openai.OpenAI) -> None:
    strict: Any = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    strict["function"]["parameters"] = {**WEATHER["function"]["parameters"], "additionalProperties": False}
    said = client.chat.completions.parse(model="tiny-gpt-oss", messages=BANANA, tools=[strict])
    assert said.choices[0].message.content == "banana"
    called = client.chat.completions.parse(
        model="tiny-gpt-oss", messages=[{"role": "user", "content": "What is the weather in Lisbon?"}], tools=[strict]
    )
    calls = called.choices[0].message.tool_calls
    assert calls is not None and calls[0].function.parsed_arguments == {"city": "Lisbon"}


def test_with_tools_and_a_form_either_may_come(client: openai.OpenAI) -> None:
    options: Any = {"model": "tiny-gpt-oss", "tools": [WEATHER], "response_format": {"type": "json_object"}}
    answer = client.chat.completions.create(messages=LISBON, **options, max_tokens=300)
    assert answer.choices[0].message.content is None or json.loads(answer.choices[0].message.content)
    called = client.chat.completions.create(
        messages=[{"role": "user", "content": "What is the weather in Lisbon?"}], **options
    )
    assert called.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_model_whose_template_has_no_tools_says_so(small_server: Server, choice: str) -> None:
    body = {"messages": BANANA, "tools": [WEATHER], "tool_choice": choice}
    status, error = small_server.error("/v1/chat/completions", body)
    problem = "this model cannot be offered tools: its chat template has no place for them"
    assert (status, error["message"].splitlines()[0]) == (400, problem)


def test_a_model_whose_template_has_no_tools_answers_where_none_may_be_called(small_server: Server) -> None:
    with small_server.client() as client:
        said = client.chat.completions.create(
            model="smollm2", messages=BANANA, tools=[WEATHER], tool_choice="none", max_tokens=4
        )
    assert said.choices[0].message.content


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"type": "function", "function": {"name": "nobody"}}, "tool_choice: there is no tool 'nobody'"),
        ("sometimes", "tool_choice: must be none, auto, required or a function"),
        (7, "tool_choice: must be none, auto, required or a function"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(server: Server, choice: object, problem: str) -> None:
    body = {"messages": BANANA, "tools": [WEATHER], "tool_choice": choice}
    assert server.error("/v1/chat/completions", body)[1]["message"] == problem


@pytest.mark.parametrize("schema", [{"type": 5}, {"type": "object", "properties": 3}, {"$ref": "#/nowhere"}])
def test_a_schema_that_is_none_is_refused(server: Server, schema: object) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    status, error = server.error("/v1/chat/completions", {"messages": BANANA, "response_format": form})
    assert (status, error["type"]) == (400, "invalid_request_error")
