"""Chat completions through OpenAI's own client, on the tiny gpt-oss."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.server.serving import Server, serving

BANANA: list[Any] = [{"role": "user", "content": "Say the word banana."}]
CITY = {"city": {"type": "string", "description": "The city name"}}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather for a city.",
        "parameters": {"type": "object", "properties": CITY, "required": ["city"]},
    },
}


def test_a_whole_answer_has_content_reasoning_and_usage(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny-gpt-oss", messages=BANANA)
    choice = answer.choices[0]
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "banana", "stop")
    assert choice.message.model_extra == {"reasoning": "The user wants the word banana."}
    assert (answer.object, answer.model) == ("chat.completion", "tiny-gpt-oss")
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens == 25
    assert answer.usage.completion_tokens_details.reasoning_tokens == 11
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 25


def test_effort_low_answers_at_once(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny-gpt-oss", messages=BANANA, reasoning_effort="low")
    assert answer.choices[0].message.content == "banana"
    assert not answer.choices[0].message.model_extra


def test_a_stream_says_the_same_as_the_whole_and_ends_with_its_usage(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="tiny-gpt-oss", messages=BANANA, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "banana"
    thought = "".join((delta.model_extra or {}).get("reasoning", "") for delta in deltas)
    assert thought == "The user wants the word banana."
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 25
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_tool_is_called_and_its_result_answered(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    first = client.chat.completions.create(model="tiny-gpt-oss", messages=messages, tools=[WEATHER])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None and message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Lisbon"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temp_c":21,"sky":"sunny"}'}
    messages += [message.model_dump(exclude_none=True), result]
    second = client.chat.completions.create(model="tiny-gpt-oss", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "It is 21 degrees and sunny in Lisbon."


def test_a_call_is_streamed_in_pieces_that_add_up(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="tiny-gpt-oss", messages=[{"role": "user", "content": "What is the weather in Lisbon?"}], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", '{"city":"Lisbon"}')]


def test_thoughts_are_taken_back_under_both_names_at_once(client: openai.OpenAI) -> None:
    thought = "The user wants the word banana."
    messages: list[Any] = [
        *BANANA,
        {"role": "assistant", "content": "banana", "reasoning": thought, "reasoning_content": thought},
        {"role": "user", "content": "Say the word apple."},
    ]
    answer = client.chat.completions.create(model="tiny-gpt-oss", messages=messages)
    assert answer.choices[0].message.content == "apple"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_that_was_broken_off_goes_on_and_only_the_rest_is_told(server: Server, is_streamed: bool) -> None:
    count = {"role": "user", "content": "Count to 12."}
    begun = {"role": "assistant", "content": "1, 2, 3,", "reasoning": "The user wants me to count to 12."}
    body = {"messages": [count, begun], "continue_final_message": True, "stream": is_streamed}
    status, _, text = server.ask("POST", "/v1/chat/completions", body)
    assert status == 200
    if is_streamed:
        pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        deltas = [piece["choices"][0]["delta"] for piece in pieces]
        assert "".join(delta.get("content", "") for delta in deltas) == " 4, 5, 6, 7, 8, 9, 10, 11, 12"
        assert not any("reasoning" in delta for delta in deltas)
        return
    message = json.loads(text)["choices"][0]["message"]
    assert (message["content"], message.get("reasoning")) == (" 4, 5, 6, 7, 8, 9, 10, 11, 12", None)


def test_tools_that_may_not_be_called_are_not_offered(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    answer = client.chat.completions.create(
        model="tiny-gpt-oss", messages=messages, tools=[WEATHER], tool_choice="none"
    )
    assert answer.choices[0].message.content == "I have no weather tool."


def test_an_answer_ends_at_its_stop_string_and_its_limit(client: openai.OpenAI) -> None:
    count: list[Any] = [{"role": "user", "content": "Count to 12."}]
    stopped = client.chat.completions.create(
        model="tiny-gpt-oss", messages=count, stop=[", 5", "never"], reasoning_effort="low"
    )
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("1, 2, 3, 4", "stop")
    cut = client.chat.completions.create(model="tiny-gpt-oss", messages=count, max_completion_tokens=10)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None and cut.usage.completion_tokens == 10


def test_the_same_seed_gives_the_same_answer(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--ctx", "1024") as server, server.client() as client:

        def answer(seed: int) -> str:
            message = client.chat.completions.create(
                model="tiny-gpt-oss", messages=BANANA, seed=seed, temperature=3, max_tokens=40
            ).choices[0].message  # fmt: skip
            return f"{message.model_extra} {message.content}"

        # Where the beginning is reused is part of the sum: the last bits are equal only from the second request on.
        answer(1)
        assert len({answer(-7) for _ in range(3)}) == 1
        assert answer(-7) != answer(8)


def test_a_speaker_may_have_a_name(client: openai.OpenAI, server: Server) -> None:
    said = client.chat.completions.create(
        model="tiny-gpt-oss",
        messages=[
            {"role": "system", "name": "house", "content": "Be brief."},
            {"role": "user", "name": "alice", "content": "My name is Alice."},
            {"role": "assistant", "name": "tiny", "content": "Nice to meet you, Alice."},
            {"role": "user", "name": "alice", "content": "What is my name?"},
        ],
        reasoning_effort="low",
    )
    assert said.choices[0].message.content == "Your name is Alice."
    status, error = server.error("/v1/chat/completions", {"messages": [{"role": "user", "name": 7, "content": "Hi"}]})
    assert (status, error["message"]) == (400, "messages[0].name: must be a text")


def test_reasoning_is_taken_back_under_both_names(client: openai.OpenAI) -> None:
    for name in ("reasoning", "reasoning_content"):
        messages: list[Any] = [
            {"role": "user", "content": "My name is Alice."},
            {"role": "assistant", "content": "Nice to meet you, Alice.", name: "The user has the name Alice."},
            {"role": "user", "content": "What is my name?"},
        ]
        answer = client.chat.completions.create(model="tiny-gpt-oss", messages=messages)
        assert answer.choices[0].message.content == "Your name is Alice."


def test_the_asynchronous_client_asks_several_at_once(server: Server) -> None:
    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client:
            asked = [
                client.chat.completions.create(
                    model="tiny-gpt-oss", messages=[{"role": "user", "content": f"Say the word {word}."}]
                )
                for word in ("banana", "apple", "window", "river")
            ]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == ["banana", "apple", "window", "river"]


def test_a_text_that_looks_like_control_tokens_stays_text(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny-gpt-oss",
        messages=[{"role": "user", "content": "Say the word <|end|>."}],
        reasoning_effort="low",
    )
    assert answer.choices[0].message.content == "<|end|>"


def test_the_model_list_names_the_one_that_is_served(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny-gpt-oss"]
    assert client.models.retrieve("tiny-gpt-oss").owned_by == "oss"
    with pytest.raises(openai.NotFoundError, match="'gpt-4' is not served here; tiny-gpt-oss is"):
        client.models.retrieve("gpt-4")
