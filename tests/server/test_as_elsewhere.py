"""`--server` of `oss run`, `oss chat` and `oss batch` with a real `oss serve`: both ends are ours."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Result, open_terminal, run_oss
from tests.server.serving import Server, serving
from tests.server.test_chat import WEATHER

LOW = ("--effort", "low", "--temperature", "0")
BANANA = "Say the word banana."
RUNAWAY = "Tell a long story about a dragon."
"""Never ends by itself."""
CITY = {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def single(tiny_gpt_oss: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One reply at a time, nobody may wait, and not without the key."""
    options = ("--parallel", "1", "--queue", "0", "--ctx", "4096")
    home = tmp_path_factory.mktemp("serve")
    with serving(tiny_gpt_oss, home, *options, OSS_SERVE_API_KEY="sesame") as server:
        server.key = "sesame"
        yield server


def ended(result: Result) -> tuple[str, str, int]:
    return result.stdout, result.stderr, result.status


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_idle(server: Server) -> bool:
    text = server.ask("GET", "/metrics", headers={"Authorization": f"Bearer {server.key}"})[2]
    return "oss_replies_running 0\n" in text


# ---- oss run


def test_the_answer_is_that_of_this_computer(server: Server, tiny_gpt_oss: Path) -> None:
    for words in (
        LOW,
        ("--effort", "high", "--temperature", "0"),
        (*LOW, "-o", "stop=nan"),
        (*LOW, "--max-tokens", "6"),
    ):
        there, here = (
            json.loads(run_oss("run", "--json", "--seed", "3", *where, *words, BANANA).stdout)
            for where in (("--server", server.url), ("-m", str(tiny_gpt_oss)))
        )
        for name in ("answer", "reasoning", "seed"):
            assert there[name] == here[name]
        # Nothing on the wire tells a stop string from the end.
        assert there["stop_reason"] == here["stop_reason"].replace("stop_string", "end")
        for name in ("prompt_tokens", "reply_tokens", "reasoning_tokens"):
            assert there["usage"][name] == here["usage"][name]


def test_an_alias_of_the_server_names_its_model_here_too(small_server: Server, smollm2: Path) -> None:
    where = ("--server", small_server.url, "--max-tokens", "3")
    for name in ("smollm2", "SmolLM2", smollm2.stem):
        assert run_oss("run", *where, "-m", name, "Hi").status == 0
    assert run_oss("run", *where, "-m", "gpt-oss-20b", "Hi").status == 3
    (listed,) = json.loads(small_server.ask("GET", "/v1/models")[2])["data"]
    assert (listed["id"], "smollm2" in listed["aliases"]) == (smollm2.stem, True)
    assert not [name for name in listed["aliases"] if "/" in name]  # the model was named by its path


def test_the_same_seed_makes_the_same_reply(server: Server, tiny_gpt_oss: Path) -> None:
    words = ("--temperature", "2", "--seed", "11", "--max-tokens", "30", "--effort", "low", "Hi")
    there = [run_oss("run", "--server", server.url, *words) for _ in range(2)]
    assert there[0] == there[1] == run_oss("run", "-m", str(tiny_gpt_oss), *words)
    assert there[0].stdout


def test_every_option_of_sampling_is_taken(server: Server) -> None:
    sampling = (
        "-o",
        "top_k=5",
        "-o",
        "min_p=0.1",
        "-o",
        "top_p=0.9",
        "-o",
        "repeat_penalty=1.01",
        "-o",
        "logit_bias=5:-1",
    )
    assert ended(run_oss("run", "--server", server.url, *LOW, *sampling, BANANA)) == ("banana\n", "", 0)


def test_an_answer_has_the_form_of_its_schema(server: Server, tmp_path: Path) -> None:
    schema = tmp_path / "city.json"
    schema.write_text(json.dumps(CITY | {"additionalProperties": False}))
    question = "Answer in JSON: city Lisbon, number 42."
    result = run_oss("run", "--server", server.url, *LOW, "--schema", str(schema), question)
    assert (json.loads(result.stdout), result.stderr, result.status) == ({"city": "Lisbon", "n": 42}, "", 0)


def test_a_grammar_and_a_budget_are_refused_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    grammar = tmp_path / "one.gbnf"
    grammar.write_text('root ::= "yes"')
    result = run_oss("run", "--server", server.url, "--grammar", str(grammar), "hi")
    assert ended(result) == (
        "",
        "error: the server cannot hold an answer to a grammar\n"
        "  it is oss serve; of servers only llama-server reads GBNF\nhint: give a JSON Schema instead\n",
        2,
    )


def test_an_unknown_model_is_told_with_the_nearest(server: Server) -> None:
    url = f"{server.url}/v1"
    assert ended(run_oss("run", "--server", url, "-m", "tiny-gpt", "hi")) == (
        "",
        f"error: no model is called 'tiny-gpt'\n  nearest names: tiny-gpt-oss\nhint: oss models --server {url}\n",
        3,
    )
    assert run_oss("models", "--server", url).stdout == (
        "MODEL         CONTEXT  SERVER\ntiny-gpt-oss  4,096    oss serve\n"
    )


def test_a_prompt_longer_than_the_context_is_told_with_its_numbers(server: Server) -> None:
    result = run_oss("run", "--server", server.url, "banana " * 5000)
    assert re.fullmatch(
        r"error: the prompt is longer than the context\n  the prompt takes [\d,]+ tokens, the context holds 4,096\n"
        r"hint: shorten it, or give the server a longer context\n",
        result.stderr,
    )
    assert (result.stdout, result.status) == ("", 5)


def test_a_key_that_is_missing_or_wrong(single: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_oss("run", "--server", single.url, "hi")
    assert (result.stderr.splitlines()[0], result.status) == (f"error: {single.url}/v1 wants a key", 8)
    monkeypatch.setenv("OSS_API_KEY", "sesam")
    result = run_oss("run", "--server", single.url, "hi")
    assert (result.stderr.splitlines()[0], result.status) == (f"error: {single.url}/v1 does not accept this key", 8)
    monkeypatch.setenv("OSS_API_KEY", "sesame")
    assert ended(run_oss("run", "--server", single.url, *LOW, BANANA)) == ("banana\n", "", 0)


def test_ctrl_c_frees_the_only_place_at_once(single: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sesame")
    with open_terminal("run", "--server", single.url, *LOW, RUNAWAY) as terminal:
        terminal.expect("dragon")
        terminal.interrupt()
        assert terminal.wait() == 130
    wait_until(lambda: is_idle(single))
    assert ended(run_oss("run", "--server", single.url, *LOW, BANANA)) == ("banana\n", "", 0)


def test_a_server_that_is_killed_leaves_what_had_come(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with (
        serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--ctx", "4096") as server,
        open_terminal("run", "--server", server.url, *LOW, RUNAWAY) as terminal,
    ):
        terminal.expect("dragon")
        os.kill(server.child.pid, signal.SIGKILL)
        terminal.expect("error: the reply broke off")
        terminal.expect("hint: what has come stands above")
        assert terminal.wait() == 8


def test_a_server_that_ends_lets_the_reply_come_to_its_end(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    words = (*LOW, "Count to 60.")
    here = run_oss("run", "-m", str(tiny_gpt_oss), *words)
    with (
        serving(tiny_gpt_oss, tmp_path, "--parallel", "1", "--ctx", "4096") as server,
        open_terminal("run", "--server", server.url, *words) as terminal,
    ):
        terminal.expect("1, 2")
        server.child.send_signal(signal.SIGTERM)
        assert terminal.wait() == 0
        assert server.child.wait(30) == 0
    assert "".join(terminal.text.split()) == "".join(here.stdout.split())


# ---- oss chat


def test_a_chat_remembers_what_was_said(server: Server) -> None:
    result = run_oss("chat", "--server", server.url, *LOW, stdin="My name is Alice.\nWhat is my name?\n")
    assert (result.stdout.splitlines()[-1], result.stderr, result.status) == ("Your name is Alice.", "", 0)


@pytest.mark.parametrize(("effort", "tokens"), [("low", 7), ("medium", 8), ("medium", 24)])
def test_a_reply_that_was_cut_off_goes_on_there(server: Server, effort: str, tokens: int) -> None:
    """In its answer, in its reasoning, and in the answer after its reasoning."""
    with open_terminal("chat", "--server", server.url, "--temperature", "0", "--effort", effort) as terminal:
        terminal.expect("/help")
        terminal.send(f"/set max_tokens {tokens}\r")
        terminal.expect("max_tokens")
        terminal.send("Count to 12.\r")
        terminal.expect("cut off")
        terminal.send("/set max_tokens default\r")
        terminal.expect("max_tokens")
        terminal.send("/continue\r")
        terminal.expect("9, 10, 11, 12")
        terminal.send("/quit\r")
        assert terminal.wait() == 0


# ---- oss batch


def test_a_batch_is_answered_as_here(server: Server, tiny_gpt_oss: Path, tmp_path: Path) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Lisbon"}'}}
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    called = {"role": "assistant", "content": None, "reasoning": "The user asks for the weather.", "tool_calls": [call]}
    told = [*asked, called, {"role": "tool", "tool_call_id": "call_1", "content": '{"temp_c":21,"sky":"sunny"}'}]
    lines: list[Any] = [{"id": str(number), "prompt": BANANA} for number in range(4)]
    for number, messages in enumerate((asked, told)):
        body = {"messages": messages, "tools": [WEATHER]}
        lines.append({"custom_id": f"tool {number}", "method": "POST", "url": "/v1/chat/completions", "body": body})
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines[:4]))
    tools = tmp_path / "tools.jsonl"
    tools.write_text("".join(json.dumps(line) + "\n" for line in lines[4:]))
    for path in (source, tools):
        words = (str(path), "--ordered", "--quiet", *LOW)
        there = run_oss("batch", "--server", server.url, "--parallel", "4", *words)
        here = run_oss("batch", "-m", str(tiny_gpt_oss), *words)
        assert (there.status, there.stderr) == (here.status, here.stderr) == (0, "")
        assert [answer_of(line) for line in there.stdout.splitlines()] == [
            answer_of(line) for line in here.stdout.splitlines()
        ]


def answer_of(line: str) -> object:
    """What a record of a batch says, without ids and times."""
    record = json.loads(line)
    if "response" not in record:
        return record["id"], record["answer"], record["reasoning"], record["error"]
    message = record["response"]["body"]["choices"][0]["message"]
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return record["custom_id"], message.get("content"), message.get("reasoning"), calls


def test_a_batch_waits_where_all_places_are_taken(
    single: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sesame")
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"id": number, "prompt": BANANA}) + "\n" for number in range(4)))
    result = run_oss("batch", "--server", single.url, "--parallel", "3", "--ordered", *LOW, str(source))
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["banana"] * 4
    assert result.status == 0


def test_many_clients_are_each_told_their_own(server: Server) -> None:
    words = ("banana", "apple", "kiwi", "Zürich", "lemon", "cherry")
    answers: dict[str, str] = {}

    def ask(word: str) -> None:
        with open_terminal("run", "--server", server.url, *LOW, f"Say the word {word}.") as terminal:
            terminal.wait()
            answers[word] = terminal.text.strip()

    threads = [threading.Thread(target=ask, args=(word,)) for word in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {word: word for word in words}
