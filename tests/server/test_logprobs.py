"""How likely tokens were, through OpenAI's own client."""

import math
from typing import Any

import openai

from tests.server.serving import Server

BANANA: list[Any] = [{"role": "user", "content": "Say the word banana."}]


def test_the_tokens_of_the_content_come_with_their_chances(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny-gpt-oss", messages=BANANA, logprobs=True, top_logprobs=3, reasoning_effort="low"
    )
    chances = answer.choices[0].logprobs
    assert chances is not None and chances.content is not None
    assert b"".join(bytes(one.bytes or ()) for one in chances.content) == b"banana"
    for one in chances.content:
        assert len(one.top_logprobs) == 3
        assert one.logprob == one.top_logprobs[0].logprob  # the likeliest was chosen
        assert one.top_logprobs[0].logprob >= one.top_logprobs[1].logprob
        assert 0.5 < math.exp(one.logprob) <= 1
        assert sum(math.exp(other.logprob) for other in one.top_logprobs) < 1.0001


def test_a_stream_tells_the_same_chances(client: openai.OpenAI) -> None:
    options: Any = {"model": "tiny-gpt-oss", "messages": BANANA, "logprobs": True, "reasoning_effort": "medium"}
    whole = client.chat.completions.create(**options).choices[0].logprobs
    assert whole is not None and whole.content is not None
    streamed = [
        chance
        for chunk in client.chat.completions.create(**options, stream=True)
        if chunk.choices and chunk.choices[0].logprobs is not None
        for chance in chunk.choices[0].logprobs.content or ()
    ]
    assert [chance.token for chance in streamed] == [chance.token for chance in whole.content]
    assert "".join(chance.token for chance in streamed) == "banana"


def test_a_character_in_several_tokens_has_the_bytes_of_each(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Say the word Zürich."}]
    answer = client.chat.completions.create(
        model="tiny-gpt-oss", messages=messages, logprobs=True, reasoning_effort="low"
    )
    assert answer.choices[0].message.content == "Zürich"
    chances = answer.choices[0].logprobs
    assert chances is not None and chances.content is not None
    assert b"".join(bytes(one.bytes or ()) for one in chances.content) == "Zürich".encode()
    assert all(one.top_logprobs == [] for one in chances.content)


def test_chances_add_up_to_one_over_the_vocabulary(small_server: Server) -> None:
    with small_server.client() as client:
        answer = client.completions.create(
            model="smollm2", prompt="The capital of France is", max_tokens=1, logprobs=20, extra_body={"top_k": 1}
        )
    chances = answer.choices[0].logprobs
    assert chances is not None and chances.top_logprobs is not None
    assert 0.5 < sum(math.exp(one) for one in chances.top_logprobs[0].values()) <= 1
