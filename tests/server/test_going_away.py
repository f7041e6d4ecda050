"""Clients that go away, queues that are full, servers that are told to end."""

import contextlib
import http.client
import json
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from tests.server.serving import Server, serving

CHAT = "/v1/chat/completions"
ENDLESS = {
    "messages": [{"role": "user", "content": "Tell a long story about a dragon."}],
    "reasoning_effort": "low",
    "logit_bias": dict.fromkeys(("1189", "1190", "1194", "1196"), -100),  # of the tiny gpt-oss: whatever ends a reply
}
BANANA = {"messages": [{"role": "user", "content": "Say the word banana."}], "reasoning_effort": "low"}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def post(server: Server, body: object) -> http.client.HTTPConnection:
    """Send a request and wait for nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", CHAT, json.dumps(body))
    return connection


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_client_that_goes_away_frees_its_place(server: Server, is_streamed: bool) -> None:
    connections = [post(server, ENDLESS | {"stream": is_streamed}) for _ in range(3)]
    wait_until(lambda: server.metric("oss_replies_running") == 2 and server.metric("oss_requests_waiting") == 1)
    for connection in connections:
        connection.close()
    wait_until(lambda: server.metric("oss_replies_running") == 0)
    assert server.metric("oss_requests_waiting") == 0
    assert json.loads(server.ask("POST", CHAT, BANANA)[2])["choices"][0]["message"]["content"] == "banana"


def test_clients_that_hang_up_in_the_middle_of_a_stream_are_nothing_to_tell_of(
    tiny_gpt_oss: Path, tmp_path: Path
) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--ctx", "4096") as server:
        for _ in range(20):
            connection = post(server, ENDLESS | {"stream": True, "logprobs": True, "top_logprobs": 20})
            connection.sock.recv(1000)
            # Hang up at once, as whoever has not read all that came does.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        wait_until(lambda: server.metric("oss_replies_running") == 0)
        assert server.stop() == 0
    assert server.lines == []


def test_a_client_that_goes_away_while_its_prompt_is_read_frees_its_place(small_server: Server) -> None:
    long = {"messages": [{"role": "user", "content": "one two three four five six seven " * 250}]}
    connection = post(small_server, long)
    wait_until(lambda: small_server.metric("oss_replies_running") == 1)
    connection.close()
    wait_until(lambda: small_server.metric("oss_replies_running") == 0)
    assert small_server.metric('oss_replies_total{end="cancelled"}') >= 1


def test_a_full_queue_sends_away_and_says_when_to_come_again(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--queue", "1", "--ctx", "4096") as server:
        running, waiting = post(server, ENDLESS), post(server, BANANA)
        wait_until(lambda: server.metric("oss_requests_waiting") == 1)
        status, headers, text = server.ask("POST", CHAT, BANANA)
        assert (status, json.loads(text)["error"]["code"]) == (429, "queue_full")
        assert 1 <= int(headers["retry-after"]) <= 60
        running.close()
        with contextlib.closing(waiting):
            assert waiting.getresponse().status == 200


def test_a_server_that_is_told_to_end_finishes_what_it_has_begun(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    options = ("--parallel", "1", "--ctx", "4096", "-o", "temperature=0")
    with serving(tiny_gpt_oss, tmp_path, *options) as server:
        story = ENDLESS | {"stream": True, "max_tokens": 1500}
        running, waiting = post(server, story), post(server, BANANA)
        answer = running.getresponse()
        answer.readline()
        server.child.send_signal(signal.SIGTERM)
        text = answer.read().decode()
        assert text.rstrip().endswith("data: [DONE]")
        refused = waiting.getresponse()
        assert (refused.status, json.loads(refused.read())["error"]["code"]) == (503, "stopping")
        running.close()
        waiting.close()
        assert server.child.wait(30) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_stops_at_once(
    tiny_gpt_oss: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--drain", "600", "-o", "temperature=0") as server:
        connection = post(server, ENDLESS | {"stream": True})
        answer = connection.getresponse()
        answer.readline()
        server.child.send_signal(number)
        texts: list[str] = []
        reader = Thread(target=lambda: texts.append(answer.read().decode()), daemon=True)
        reader.start()
        reader.join(1)
        assert reader.is_alive()  # it drains
        server.child.send_signal(number)
        assert server.child.wait(30) == status
        reader.join(30)
        connection.close()
    assert json.loads(texts[0].strip().rpartition("data: ")[2])["error"]["code"] == "stopping"


def test_replies_that_take_longer_than_they_may_are_cut_off(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--drain", "1", "-o", "temperature=0") as server:
        connection = post(server, ENDLESS)
        wait_until(lambda: server.metric("oss_replies_running") == 1)
        server.child.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (503, "stopping")
        connection.close()
        assert server.child.wait(30) == 143


def test_an_idle_server_ends_at_once_and_without_a_word(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1") as server:
        assert server.ask("POST", CHAT, BANANA)[0] == 200
        assert server.stop() == 0
    assert server.lines == []


def test_requests_are_logged_without_a_word_of_what_was_said(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--verbose") as server:
        server.ask("POST", CHAT, BANANA)
        server.ask("GET", "/secret?of=mine")
        assert server.stop() == 0
    text = "".join(server.lines)
    assert "POST /v1/chat/completions 200" in text and "GET other 404" in text
    assert "banana" not in text and "secret" not in text
