"""`--server` with a real llama-server, of the llama.cpp that llama-cpp-python was built from."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_cli.backends.remote import Connection, RemoteBackend, Server, ServerKind, look_at_server
from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.conversation.events import Event, ReasoningDelta, TextDelta, TurnEnded
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.options import BegunReply, ReplyOptions, SamplingOptions
from oss_cli.session.turn import Turn
from tests.harness import run_oss
from tests.peers.processes import llama_server

pytestmark = pytest.mark.peers

GREEDY = ReplyOptions(date="2026-11-24", sampling=SamplingOptions(temperature=0, seed=1, max_tokens=60))
BANANA = [user_message("Say the word banana.")]
THINK = [user_message("Think about it and say banana.")]


@pytest.fixture(scope="module")
def gpt_oss(tiny_gpt_oss: Path) -> Iterator[str]:
    with llama_server(tiny_gpt_oss, "-np", "4", "--api-key", "sk-peer") as address:
        yield address


@pytest.fixture(scope="module")
def smollm(smollm2: Path) -> Iterator[str]:
    with llama_server(smollm2, "-np", "2") as address:
        yield address


@pytest.fixture
def backend(gpt_oss: str) -> Iterator[RemoteBackend]:
    connection = Connection(Server(f"{gpt_oss}/v1", "peer", "sk-peer"))
    [model] = look_at_server(connection)
    assert (model.kind, model.context_tokens) == (ServerKind.LLAMA_SERVER, 1024)  # -c is shared by four
    yield RemoteBackend(connection, model, model.context_tokens)
    connection.close()


def said(events: list[Event], kind: type[TextDelta] | type[ReasoningDelta] = TextDelta) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def test_the_answer_is_that_of_this_computer(gpt_oss: str, tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-peer")
    words = ("-e", "low", "--temperature", "0", "--max-tokens", "60", "Say the word banana.")
    there = run_oss("run", "--server", gpt_oss, *words)
    here = run_oss("run", "-m", str(tiny_gpt_oss), *words)
    assert (there.stdout, there.stderr, there.status) == (here.stdout, "", 0) == ("banana\n", "", 0)


def test_reasoning_and_numbers_come_along(backend: RemoteBackend) -> None:
    events = list(backend.reply(THINK, GREEDY))
    ended = events[-1]
    assert said(events, ReasoningDelta).startswith("The user asks")
    assert said(events)
    assert isinstance(ended, TurnEnded)
    assert ended.usage.prompt_tokens > 50
    assert ended.usage.reply_tokens > 10
    assert ended.usage.decode_s > 0


def test_a_wrong_key_and_none_at_all(gpt_oss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_oss("run", "--server", gpt_oss, "hi")
    # This server lists its models to anybody.
    assert (result.stderr.splitlines()[0], result.status) == (f"error: {gpt_oss}/v1 wants a key", 8)
    monkeypatch.setenv("OSS_API_KEY", "sk-wrong")
    result = run_oss("run", "--server", gpt_oss, "hi")
    assert (result.stderr.splitlines()[0], result.status) == (f"error: {gpt_oss}/v1 does not accept this key", 8)


def test_a_prompt_longer_than_the_context(gpt_oss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-peer")
    result = run_oss("run", "--server", gpt_oss, "banana " * 2000)
    lines = result.stderr.splitlines()
    assert lines[0] == "error: the prompt is longer than the context"
    assert lines[1].endswith(" tokens, the context holds 1,024")
    assert result.status == 5


def test_a_reply_goes_on_where_it_broke_off(backend: RemoteBackend) -> None:
    whole = list(backend.reply(THINK, GREEDY))
    answer, thoughts = said(whole), said(whole, ReasoningDelta)
    for begun in (
        Message(Role.ASSISTANT, answer[:11], reasoning=thoughts),
        Message(Role.ASSISTANT, reasoning=thoughts[:13]),
    ):
        options = ReplyOptions(date="", sampling=GREEDY.sampling, begun=BegunReply(begun))
        rest = list(backend.reply(THINK, options))
        assert begun.content + said(rest) == answer
        assert begun.reasoning + said(rest, ReasoningDelta) == thoughts


def test_a_schema_and_a_grammar_hold_the_answer(smollm: str) -> None:
    connection = Connection(Server(f"{smollm}/v1", "peer"))
    [model] = look_at_server(connection)
    backend = RemoteBackend(connection, model, model.context_tokens)
    schema = {
        "type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"],
        "additionalProperties": False,
    }  # fmt: skip
    asked = [user_message("Give me a number.")]
    for form in (SchemaForm(schema), GrammarForm('root ::= "yes" | "no"')):
        options = ReplyOptions(date="", sampling=GREEDY.sampling, answer_form=form)
        answer = said(list(backend.reply(asked, options)))
        assert answer in ("yes", "no") if isinstance(form, GrammarForm) else list(json.loads(answer)) == ["n"]
    backend.close()


def test_a_reply_that_is_stopped_leaves_the_server_free(smollm: str) -> None:
    connection = Connection(Server(f"{smollm}/v1", "peer"))
    [model] = look_at_server(connection)
    backend = RemoteBackend(connection, model, model.context_tokens)
    options = ReplyOptions(date="", sampling=SamplingOptions(seed=1, max_tokens=3000))
    for _ in range(6):  # three times as many as it can make at once
        reply = backend.reply([user_message("Tell me a very long story.")], options)
        for event in reply:
            if isinstance(event, TextDelta):
                break
        reply.close()
    assert said(list(backend.reply([user_message("Hi")], GREEDY)))
    backend.close()


def test_replies_at_the_same_time_are_each_their_own(backend: RemoteBackend) -> None:
    alone = said(list(backend.reply(BANANA, GREEDY)))
    answers: list[str] = []

    def ask() -> None:
        turn = Turn(backend, BANANA, GREEDY)
        list(turn)
        answers.append(turn.reply.content)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [alone] * 12


def test_a_batch_is_answered_as_here(
    gpt_oss: str, tiny_gpt_oss: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-peer")
    source = tmp_path / "in.jsonl"
    source.write_text("".join(f'{{"id": {number}, "prompt": "Say the word banana."}}\n' for number in range(8)))
    words = (str(source), "--ordered", "--temperature", "0", "-e", "low", "--max-tokens", "60")
    there = run_oss("batch", "--server", gpt_oss, "--parallel", "4", *words)
    here = run_oss("batch", "-m", str(tiny_gpt_oss), *words)
    answers = [[json.loads(line)["answer"] for line in one.stdout.splitlines()] for one in (there, here)]
    assert answers[0] == answers[1]
    assert len(answers[0]) == 8


def test_a_chat_goes_on(gpt_oss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-peer")
    result = run_oss(
        "chat", "--server", gpt_oss, "--temperature", "0", stdin="Say the word banana.\nSay the word banana.\n"
    )
    assert (result.stdout, result.status) == ("banana\nbanana\n", 0)


def test_its_models_are_listed(gpt_oss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-peer")
    result = run_oss("models", "--server", gpt_oss)
    assert result.stdout == "MODEL         CONTEXT  SERVER\ntiny-gpt-oss  1,024    llama-server\n"
