"""Who is let in, and what is too much: over raw HTTP."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness import run_oss
from tests.server.serving import Server, serving

CHAT = "/v1/chat/completions"
BANANA: dict[str, Any] = {"messages": [{"role": "user", "content": "Say the word banana."}], "reasoning_effort": "low"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:11435", "localhost."])
def test_our_own_names_are_let_in(server: Server, host: str) -> None:
    assert server.ask("GET", "/health", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:11435", ""])
def test_another_name_that_leads_here_is_refused(server: Server, host: str) -> None:
    status, _, text = server.ask("GET", "/v1/models", headers={"Host": host})
    assert (status, json.loads(text)["error"]["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_a_web_page_may_not_ask(server: Server, origin: str) -> None:
    status, error = server.error(CHAT, BANANA, {"Origin": origin})
    assert (status, error["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "The body is not JSON"),
        ("{", "The body is not JSON"),
        ("[1]", "The body must be a JSON object."),
        (b"\xff\xfe\x00", "The body is not JSON"),
        ("[" * 100_000, "The body is nested too deep."),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", "The body is nested deeper than 64 levels."),
        ("9" * 5000, "The body is not JSON"),
        ({"messages": []}, "messages: is missing"),
        ({"messages": [{"role": "king", "content": "Hi"}]}, "messages[0].role: must be one of system, developer"),
        ({"messages": [{"role": "user"}]}, "messages[0].content: is missing"),
        (BANANA | {"temperature": "hot"}, "temperature: must be a number from 0"),
        (BANANA | {"temperature": float("nan")}, "temperature: must be a number from 0"),
        (BANANA | {"max_tokens": 0}, "max_tokens: must be a whole number from 1"),
        (BANANA | {"n": 2}, "n: not supported"),
        (BANANA | {"presence_penalty": 1}, "presence_penalty: not supported"),
        (BANANA | {"stream": "yes"}, "stream: must be true or false"),
        (BANANA | {"tempreature": 1}, "tempreature: not supported"),
        (BANANA | {"stop": [str(number) for number in range(40)]}, "stop: must be at most 16 texts"),
        (BANANA | {"logit_bias": {"-1": 1}}, "logit_bias: must be an object of token ids and numbers"),
        (BANANA | {"top_logprobs": 2}, "top_logprobs: goes with logprobs: true"),
        (BANANA | {"response_format": {"type": "xml"}}, "response_format.type xml: not supported"),
        (
            BANANA | {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.schema",
        ),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "y"}]}, "a tool's message does not say"),
        (BANANA | {"continue_final_message": True}, "continue_final_message: goes on with a last message"),
        (
            {
                "messages": [*BANANA["messages"], {"role": "assistant", "content": "ban"}],
                "continue_final_message": True,
                "response_format": {"type": "json_object"},
            },
            "continue_final_message: goes with no response_format",
        ),
        (BANANA | {"add_generation_prompt": False}, "add_generation_prompt: must be the opposite"),
        (
            {"messages": [{"role": "assistant", "content": "ban"}], "continue_final_message": True},
            "the prompt is empty",
        ),
    ],
)
def test_what_is_no_request_is_an_error_in_openais_form(server: Server, body: object, problem: str) -> None:
    status, error = server.error(CHAT, body)
    assert status == 400
    assert error["message"].startswith(problem)
    assert set(error) == {"message", "type", "param", "code"}


def test_a_token_that_the_model_lacks_does_no_harm(server: Server) -> None:
    body = BANANA | {"logit_bias": {"2147483647": 100, "99999": -100}}
    assert json.loads(server.ask("POST", CHAT, body)[2])["choices"][0]["message"]["content"] == "banana"


def test_half_a_surrogate_pair_is_taken(server: Server) -> None:
    body = {"messages": [{"role": "user", "content": "\ud800"}], "max_tokens": 4}
    assert server.ask("POST", CHAT, body)[0] == 200
    status, error = server.error(CHAT, body | {"\ud800": 1})
    assert (status, error["message"]) == (400, "\ud800: not supported")


def test_unknown_addresses_methods_and_models_are_told(server: Server) -> None:
    assert server.ask("GET", "/nothing")[0] == 404
    status, _, text = server.ask("GET", CHAT)
    assert (status, json.loads(text)["error"]["message"]) == (405, "This method is not for this address.")
    status, error = server.error(CHAT, BANANA | {"model": "gpt-4"})
    assert (status, error["param"], error["code"]) == (404, "model", "model_not_found")


def test_a_prompt_that_is_too_long_is_told_with_its_numbers(server: Server) -> None:
    body = {"messages": [{"role": "user", "content": "banana " * 5000}]}
    status, error = server.error(CHAT, body)
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert "the context holds 4,096" in error["message"]
    assert error["n_prompt_tokens"] > 5000
    assert error["n_ctx"] == 4096


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    status, error = server.error(CHAT, "x", {"Content-Length": str(1 << 40)})
    assert (status, error["code"]) == (413, "body_too_large")


def test_headers_that_are_too_large_are_refused(server: Server) -> None:
    assert server.ask("GET", "/health", headers={"X-Long": "x" * 100_000})[0] in (400, 431)


def test_a_key_keeps_others_out_and_named_web_pages_may_ask(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    options = ("--parallel", "1", "--cors", "http://localhost:3000")
    with serving(tiny_gpt_oss, tmp_path, *options, OSS_SERVE_API_KEY="sesame") as server:
        for headers in ({}, {"Authorization": "Bearer sesam"}, {"Authorization": "sesame"}):
            status, error = server.error(CHAT, BANANA, headers)
            assert (status, error["message"]) == (401, "The API key is missing or wrong.")
        assert server.ask("GET", "/metrics")[0] == 401
        assert server.ask("GET", "/health")[0] == 200
        page = {"Origin": "http://localhost:3000"}
        asks = page | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        status, answer, _ = server.ask("OPTIONS", CHAT, headers=asks)
        assert (status, answer["access-control-allow-origin"]) == (200, "http://localhost:3000")
        status, answer, _ = server.ask("POST", CHAT, BANANA, page | {"Authorization": "Bearer sesame"})
        assert (status, answer["access-control-allow-origin"]) == (200, "http://localhost:3000")
        assert server.ask("POST", CHAT, BANANA, {"Origin": "http://localhost:3001"})[0] == 403


def test_another_address_needs_a_key(tiny_gpt_oss: Path) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--host", "0.0.0.0")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        "error: there is no API key\n  0.0.0.0 can be reached from other computers\n"
        "hint: OSS_SERVE_API_KEY=… oss serve --host 0.0.0.0\n",
        2,
    )


def test_a_port_in_use_is_one_clear_error(server: Server, tiny_gpt_oss: Path) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--port", str(server.port))
    assert (result.stdout, result.stderr, result.status) == (
        "",
        f"error: 127.0.0.1 port {server.port} cannot be listened to\n  Address already in use\n"
        f"hint: oss serve --port {server.port + 1}\n",
        2,
    )


def test_garbage_on_the_wire_is_answered_and_the_next_request_as_well(server: Server) -> None:
    for garbage in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(garbage)
            time.sleep(0.05)
    assert server.ask("GET", "/health")[0] == 200
