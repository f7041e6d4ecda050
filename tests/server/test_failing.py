"""What clients hear when the model fails, or we do: on a backend whose replies are given."""

import json
from collections.abc import Sequence

import pytest
from starlette.testclient import TestClient

from oss_cli.conversation.events import Event, PrefillProgress, StopReason, TextDelta, TurnEnded, Usage
from oss_cli.conversation.options import ReplyOptions
from oss_cli.errors import EngineFailed
from oss_cli.server.app import make_app, make_service
from oss_cli.server.served import Rules, Served
from tests.fakes.backend import ScriptedBackend

CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
BEGINS = (PrefillProgress(0, 3), TextDelta("Hello"))
FAILS = EngineFailed("llama.cpp could not evaluate the tokens", cause="out of memory")


def open_client(*replies: Sequence[Event | BaseException]) -> tuple[TestClient, list[BaseException]]:
    """A client of a server whose replies are given, and the bugs that it tells of."""
    backend, bugs = ScriptedBackend(*replies), list[BaseException]()
    served = Served(backend, backend, ("scripted",), 0, lambda: ReplyOptions(date="2026-11-24"))
    app = make_app(make_service(served, Rules()), report=bugs.append)
    return TestClient(app, raise_server_exceptions=False), bugs


def events_of(text: str) -> list[str]:
    return [line[6:] for line in text.splitlines() if line.startswith("data: ")]


def test_a_model_that_fails_before_its_first_word_is_a_500() -> None:
    client, bugs = open_client([FAILS])
    answer = client.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {
            "message": "llama.cpp could not evaluate the tokens: out of memory",
            "type": "server_error",
            "param": None,
            "code": "engine_failed",
        }
    }
    assert bugs == []


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/completions", {"prompt": "Hi"})], ids=["chat", "plain"]
)
def test_a_model_that_fails_in_the_middle_ends_the_stream_with_the_error(path: str, body: dict[str, object]) -> None:
    client, _ = open_client([*BEGINS, FAILS])
    *_, last = events_of(client.post(path, json=body | {"stream": True}).text)
    assert json.loads(last)["error"]["code"] == "engine_failed"


def test_a_response_that_fails_is_told_with_what_there_is_of_it() -> None:
    client, _ = open_client([*BEGINS, FAILS])
    *_, last = events_of(client.post("/v1/responses", json={"input": "Hi", "stream": True}).text)
    event = json.loads(last)
    assert (event["type"], event["response"]["status"]) == ("response.failed", "failed")
    assert event["response"]["error"]["message"].startswith("llama.cpp could not evaluate the tokens")
    assert event["response"]["output"][0]["content"][0]["text"] == "Hello"


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_bug_of_ours_is_told_to_us_and_not_what_it_was_to_the_client(is_streamed: bool) -> None:
    bug = ZeroDivisionError("secret")
    client, bugs = open_client([*BEGINS, bug])
    answer = client.post("/v1/chat/completions", json=CHAT | {"stream": is_streamed})
    assert bugs == [bug]
    assert "secret" not in answer.text
    if not is_streamed:
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")


def test_a_reply_that_the_server_stopped_is_no_answer() -> None:
    cancelled = TurnEnded(StopReason.CANCELLED, Usage())
    client, _ = open_client([*BEGINS, cancelled], [*BEGINS, cancelled])
    answer = client.post("/v1/chat/completions", json=CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
    *_, last = events_of(client.post("/v1/chat/completions", json=CHAT | {"stream": True}).text)
    assert json.loads(last)["error"]["code"] == "stopping"
