"""Texts that are gone on with, through OpenAI's own client, on SmolLM2."""

import openai
import pytest

from tests.server.serving import Server

PROMPT = "The capital of France is"


def test_a_text_goes_on(small_server: Server) -> None:
    with small_server.client() as client:
        answer = client.completions.create(model="smollm2", prompt=PROMPT, max_tokens=3)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (" Paris.\n", "length")
    assert answer.object == "text_completion"
    assert answer.usage is not None and answer.usage.completion_tokens == 3


def test_a_stream_says_the_same(small_server: Server) -> None:
    with small_server.client() as client:
        chunks = list(client.completions.create(model="smollm2", prompt=[PROMPT], max_tokens=3, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == " Paris.\n"
    assert chunks[-1].choices[0].finish_reason == "length"


def test_where_each_token_stands_is_told(small_server: Server) -> None:
    with small_server.client() as client:
        answer = client.completions.create(model="smollm2", prompt=PROMPT, max_tokens=2, logprobs=1)
    chances = answer.choices[0].logprobs
    assert chances is not None
    assert (chances.tokens, chances.text_offset) == ([" Paris", "."], [0, 6])


def test_what_cannot_be_done_is_refused_by_name(small_server: Server) -> None:
    with small_server.client() as client, pytest.raises(openai.BadRequestError, match="best_of: not supported"):
        client.completions.create(model="smollm2", prompt=PROMPT, best_of=3)
    assert small_server.error("/v1/completions", {"prompt": [1, 2]})[1]["param"] == "prompt other than one text"
    assert small_server.error("/v1/completions", {})[1]["message"] == "prompt: is missing"


def test_what_a_stream_cannot_do_is_refused_by_name(server: Server) -> None:
    status, error = server.error("/v1/completions", {"prompt": "Hi", "stream_options": {"include_everything": True}})
    assert (status, error["message"]) == (400, "stream_options.include_everything: not supported")
