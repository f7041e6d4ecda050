"""A model on a server: what is asked, what comes back in each server's own way, and what is told when nothing does."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from oss_cli.backends.remote import Connection, Patience, RemoteBackend, ServedModel, Server, ServerKind
from oss_cli.conversation.answer_form import GrammarForm, SchemaForm
from oss_cli.conversation.events import (
    Event,
    Notice,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
)
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, system_message, user_message
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.errors import (
    BadUsage,
    DoesNotFit,
    EngineFailed,
    OssError,
    PromptTooLong,
    ReplyBroken,
    RequestRefused,
    ServerBusy,
    ServerDenied,
    ServerFailed,
    ServerUnreachable,
    UnknownModel,
)
from oss_cli.http import unix_transport
from tests.fakes.chat_server import CUT, WAIT, ChatServer, Scripted, delta, events, refusal, stream

HI = [user_message("hi")]
OPTIONS = ReplyOptions(date="2026-11-24", sampling=SamplingOptions(seed=7))
QUICK = Patience(tries=3, longest_wait_s=5, first_wait_s=0.001)
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}}
CUT_SHORT = "peer closed connection without sending complete message body (incomplete chunked read)"
"""In the library's words."""
HELLO = events(delta(content="Hello"), delta("stop"), {"choices": [], "usage": USAGE})


@contextmanager
def served(
    *answers: Scripted, kind: ServerKind = ServerKind.OTHER, key: str = "", silence_s: float = 20
) -> Iterator[tuple[RemoteBackend, ChatServer]]:
    with ChatServer(*answers) as server:
        address = Server(f"{server.url}/v1", "gpu", key, silence_s)
        with closing(RemoteBackend(Connection(address), ServedModel("m", 100, kind), 100, patience=QUICK)) as backend:
            yield backend, server


def told(backend: RemoteBackend, options: ReplyOptions = OPTIONS, messages: list[Message] = HI) -> list[Event]:
    return [event for event in backend.reply(messages, options) if not isinstance(event, TokensSampled)]


def reply_to(answer: Scripted, options: ReplyOptions = OPTIONS) -> list[Event]:
    with served(answer) as (backend, _):
        return told(backend, options)


def body_for(
    options: ReplyOptions, messages: list[Message] = HI, kind: ServerKind = ServerKind.OTHER
) -> dict[str, object]:
    with served(HELLO, kind=kind) as (backend, server):
        told(backend, options, messages)
        body: dict[str, object] = server.bodies[0]
        return body


def failure(*answers: Scripted, options: ReplyOptions = OPTIONS, key: str = "") -> OssError:
    with served(*answers, key=key) as (backend, _), pytest.raises(OssError) as raised:
        told(backend, options)
    return raised.value


def parts(error: OssError) -> tuple[str, str, str]:
    return error.message, error.cause, error.hint


# ---- what is asked


def test_only_what_is_decided_is_sent() -> None:
    assert body_for(OPTIONS) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 7,
    }


def test_all_that_is_decided_is_sent_under_every_name_that_it_has() -> None:
    sampling = SamplingOptions(
        temperature=0.5, top_p=0.9, top_k=20, min_p=0.1, repeat_penalty=1.1, seed=1, max_tokens=50, stop=("END",),
        logit_bias={5: -1.0},
    )  # fmt: skip
    body = body_for(ReplyOptions(date="", sampling=sampling, effort=ReasoningEffort.HIGH))
    assert {name: value for name, value in body.items() if name not in ("model", "messages", "stream")} == {
        "stream_options": {"include_usage": True},
        "temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.1, "seed": 1, "max_tokens": 50, "stop": ["END"],
        "repeat_penalty": 1.1, "repetition_penalty": 1.1, "logit_bias": {"5": -1.0},
        "reasoning_effort": "high", "chat_template_kwargs": {"reasoning_effort": "high"},
    }  # fmt: skip


def test_tools_their_calls_and_the_thoughts_between_them_are_sent() -> None:
    call = ToolCall("weather", '{"city": "Rome"}', "call_1")
    messages = [
        system_message("Be brief."),
        user_message("How warm is it?"),
        Message(Role.ASSISTANT, reasoning="I should ask.", tool_calls=(call,)),
        Message(Role.TOOL, "21", tool_call_id="call_1", name="weather"),
    ]
    tools = (Tool("weather", "The weather.", {"type": "object"}), Tool("now"))
    body = body_for(replace(OPTIONS, tools=tools), messages)
    function = {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How warm is it?"},
        {
            "role": "assistant", "content": None, "reasoning": "I should ask.", "reasoning_content": "I should ask.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "21", "tool_call_id": "call_1", "name": "weather"},
    ]  # fmt: skip
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}},
        },
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
    ]


def test_the_thoughts_of_earlier_turns_stay_here() -> None:
    messages = [user_message("a"), Message(Role.ASSISTANT, "b", reasoning="long thoughts"), user_message("c")]
    assert body_for(OPTIONS, messages)["messages"] == [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"},
    ]  # fmt: skip


def test_a_schema_is_sent_as_the_form_of_the_answer() -> None:
    form = SchemaForm({"type": "object"}, name="city", description="A city.")
    assert body_for(replace(OPTIONS, answer_form=form))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "city", "schema": {"type": "object"}, "strict": True, "description": "A city."},
    }


def test_a_grammar_goes_to_llama_server_alone() -> None:
    options = replace(OPTIONS, answer_form=GrammarForm('root ::= "a"'))
    assert body_for(options, kind=ServerKind.LLAMA_SERVER)["grammar"] == 'root ::= "a"'
    with pytest.raises(BadUsage) as raised:
        body_for(options, kind=ServerKind.VLLM)
    assert parts(raised.value) == (
        "the server cannot hold an answer to a grammar",
        "it is vLLM; of servers only llama-server reads GBNF",
        "give a JSON Schema instead",
    )


@pytest.mark.parametrize("kind", [ServerKind.LLAMA_SERVER, ServerKind.VLLM, ServerKind.SGLANG, ServerKind.OSS])
def test_a_reply_goes_on_where_the_server_can_do_that(kind: ServerKind) -> None:
    begun = BegunReply(Message(Role.ASSISTANT, "Hel", reasoning="Hm."), tokens=(1, 2))
    body = body_for(replace(OPTIONS, begun=begun), kind=kind)
    assert body["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hel", "reasoning": "Hm.", "reasoning_content": "Hm."},
    ]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize(
    ("kind", "message", "cause"),
    [
        (
            ServerKind.OLLAMA,
            Message(Role.ASSISTANT, "Hel"),
            "it is Ollama; oss serve, llama-server, vLLM and SGLang can",
        ),
        (
            ServerKind.VLLM,
            Message(Role.ASSISTANT, reasoning="Hm"),
            "it broke off in its reasoning, and vLLM goes on with answers alone",
        ),
    ],
)
def test_a_reply_that_cannot_go_on_is_refused_before_anything_is_sent(
    kind: ServerKind, message: Message, cause: str
) -> None:
    with served(kind=kind) as (backend, server):
        with pytest.raises(BadUsage) as raised:
            told(backend, replace(OPTIONS, begun=BegunReply(message)))
        assert (raised.value.cause, raised.value.hint) == (cause, "/regen makes it anew")
        assert server.asked == []


def test_a_prompt_of_nothing_is_refused() -> None:
    with served() as (backend, _), pytest.raises(BadUsage, match="the prompt is empty"):
        told(backend, messages=[user_message(" ")])


def test_a_seed_that_was_drawn_already_is_sent_and_told() -> None:
    with served(HELLO) as (backend, server):
        ended = told(backend, ReplyOptions(date="", drawn_seed=3))[-1]
    assert isinstance(ended, TurnEnded)
    assert (server.bodies[0]["seed"], ended.seed) == (3, 3)


def test_without_a_seed_one_is_drawn_sent_and_told() -> None:
    with served(HELLO) as (backend, server):
        ended = told(backend, ReplyOptions(date=""))[-1]
    assert isinstance(ended, TurnEnded)
    assert server.bodies[0]["seed"] == ended.seed


def test_the_key_goes_into_one_header() -> None:
    with served(HELLO, key="sk-secret") as (backend, server):
        told(backend)
    assert server.asked[0].headers["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(Server("http://a", "a", "sk-secret"))


def test_a_cap_on_reasoning_does_not_travel_and_that_is_told() -> None:
    with served(HELLO) as (backend, _):
        first = told(backend, replace(OPTIONS, reasoning_budget=10))[0]
    assert first == Notice("the server is not told of reasoning_budget: its reasoning has no limit but max_tokens")


# ---- each server's own way

VLLM = events(
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}], "usage": None},
    delta(reasoning="Let me "), delta(reasoning="see."), delta(content="Par"), delta(content="is"),
    {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop", "stop_reason": None}]},
    {"choices": [], "usage": {**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}},
)  # fmt: skip
SGLANG = events(
    delta(role="assistant", content="", reasoning_content=None), delta(reasoning_content="Let me ", content=None),
    delta(reasoning_content="see.", content=None), delta(content="Par", reasoning_content=None), delta(content="is"),
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "matched_stop": 200002}]},
    {"choices": [], "usage": USAGE},
)  # fmt: skip
OLLAMA = events(
    *(
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "", **one}}],
        }
        for one in ({"reasoning": "Let me "}, {"reasoning": "see."}, {"content": "Par"}, {"content": "is"})
    ),
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]},
    {"choices": [], "usage": USAGE},
)
LLAMA_SERVER = events(
    delta(role="assistant", content=None), delta(reasoning_content="Let me "), delta(reasoning_content="see."),
    delta(content="Par"), delta(content="is"), delta("stop"),
    {"choices": [], "usage": USAGE, "timings": {"prompt_ms": 250.0, "predicted_ms": 500.0, "cache_n": 3}},
)  # fmt: skip


@pytest.mark.parametrize(
    "answer", [VLLM, SGLANG, OLLAMA, LLAMA_SERVER], ids=["vllm", "sglang", "ollama", "llama-server"]
)
def test_reasoning_answer_and_numbers_come_alike_from_every_server(answer: Scripted) -> None:
    *before, ended = reply_to(answer)
    assert before == [ReasoningDelta("Let me "), ReasoningDelta("see."), TextDelta("Par"), TextDelta("is")]
    assert isinstance(ended, TurnEnded)
    usage = ended.usage
    assert (ended.reason, ended.seed) == (StopReason.END, 7)
    assert (usage.prompt_tokens, usage.reused_tokens, usage.reply_tokens, usage.context_tokens) == (9, 3, 4, 100)
    if answer is LLAMA_SERVER:
        assert (usage.prefill_s, usage.decode_s) == (0.25, 0.5)
    if answer is VLLM:
        assert usage.reasoning_tokens == 2


def test_a_server_that_does_not_stream_is_read_as_well() -> None:
    message = {"role": "assistant", "content": "Paris", "reasoning_content": "Hm."}
    answer = refusal(200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": USAGE})
    *before, ended = reply_to(answer)
    assert before == [ReasoningDelta("Hm."), TextDelta("Paris")]
    assert isinstance(ended, TurnEnded)


def call_piece(index: int | None, name: str = "", arguments: object = None, id_: str = "") -> dict[str, object]:
    function = {**({"name": name} if name else {}), **({"arguments": arguments} if arguments is not None else {})}
    value = {"function": function, **({"id": id_} if id_ else {}), **({} if index is None else {"index": index})}
    return delta(tool_calls=[value])


def test_calls_of_tools_come_in_pieces() -> None:
    answer = events(
        call_piece(0, "weather", "", "a"), call_piece(0, arguments='{"city":'), call_piece(0, arguments=' "Rome"}'),
        call_piece(1, "now", "{}", "b"), delta("tool_calls"),
    )  # fmt: skip
    *before, ended = reply_to(answer)
    assert before == [
        ToolCallDelta(0, "weather", ""), ToolCallDelta(0, "weather", '{"city":'),
        ToolCallDelta(0, "weather", ' "Rome"}'),
        ToolCallDelta(1, "now", "{}"),
        ToolCallEnded(0, ToolCall("weather", '{"city": "Rome"}', "a")), ToolCallEnded(1, ToolCall("now", "{}", "b")),
    ]  # fmt: skip
    assert isinstance(ended, TurnEnded)
    assert ended.reason is StopReason.TOOL_CALL


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_the_same_number_are_told_apart_by_their_ids(index: int | None) -> None:
    answer = events(call_piece(index, "a", "{}", "x"), call_piece(index, "b", {"n": 1}, "y"), delta("stop"))
    *before, ended = reply_to(answer)
    assert before[-2:] == [ToolCallEnded(0, ToolCall("a", "{}", "x")), ToolCallEnded(1, ToolCall("b", '{"n": 1}', "y"))]
    assert isinstance(ended, TurnEnded)
    assert ended.reason is StopReason.TOOL_CALL


@pytest.mark.parametrize(
    ("finish", "more", "usage", "max_tokens", "reason"),
    [
        ("length", {}, {"prompt_tokens": 9, "completion_tokens": 4}, 4, StopReason.MAX_TOKENS),
        ("length", {}, {"prompt_tokens": 90, "completion_tokens": 10}, None, StopReason.CONTEXT_FULL),
        ("length", {}, {"prompt_tokens": 9, "completion_tokens": 4}, None, StopReason.MAX_TOKENS),
        ("stop", {"stop_reason": "END"}, USAGE, None, StopReason.STOP_STRING),
        ("stop", {"matched_stop": "END"}, USAGE, None, StopReason.STOP_STRING),
        ("stop", {"stop_reason": 200012}, USAGE, None, StopReason.END),
    ],
)
def test_why_a_reply_ended(
    finish: str, more: dict[str, object], usage: dict[str, int], max_tokens: int | None, reason: StopReason
) -> None:
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish, **more}], "usage": usage}
    sampling = replace(OPTIONS.sampling, max_tokens=max_tokens)
    ended = reply_to(events(delta(content="a"), last), replace(OPTIONS, sampling=sampling))[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.reason is reason


def test_where_the_server_does_not_count_its_pieces_are_counted() -> None:
    ended = reply_to(events(delta(content="a"), delta(content="b"), delta("stop")))[-1]
    assert isinstance(ended, TurnEnded)
    assert (ended.usage.reply_tokens, ended.usage.prompt_tokens) == (2, 0)


@pytest.mark.parametrize("number", ["-5", "99999999999999999999", "1" + "0" * 400, "1e999", "NaN", "true", '"5"', "[]"])
def test_numbers_that_cannot_be_are_as_good_as_not_told(number: str) -> None:
    told = delta("stop", content="a") | {
        "usage": {
            "prompt_tokens": "?", "completion_tokens": "?", "prompt_tokens_details": {"cached_tokens": "?"},
            "completion_tokens_details": {"reasoning_tokens": "?"},
        },
        "timings": {"prompt_ms": "?", "predicted_ms": "?"},
    }  # fmt: skip
    text = json.dumps(told).replace('"?"', number)
    ended = reply_to(stream(f"data: {text}\n\ndata: [DONE]\n\n".encode()))[-1]
    assert isinstance(ended, TurnEnded)
    usage = ended.usage
    assert (usage.prompt_tokens, usage.reply_tokens, usage.reused_tokens, usage.reasoning_tokens) == (0, 1, 0, 0)
    assert 0 <= usage.prefill_s < 60
    assert 0 <= usage.decode_s < 60


# ---- how bytes come

RAW = b"".join(
    piece
    for piece in events(delta(content="Hé — "), delta(content="日本"), delta("stop")).pieces
    if isinstance(piece, bytes)
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_it_does_not_matter_where_the_bytes_are_cut(size: int, line_end: bytes) -> None:
    data = b"\xef\xbb\xbf: hello\n\n" + RAW.replace(b"data: ", b"id: 1\nevent: message\ndata:", 1)
    data = data.replace(b"\n", line_end)
    pieces = [data[start:end] for start, end in pairwise([*range(0, len(data), size), len(data)])]
    assert "".join(one.text for one in reply_to(stream(*pieces)) if isinstance(one, TextDelta)) == "Hé — 日本"


def test_comments_that_keep_a_connection_alive_are_passed_over() -> None:
    answer = stream(b": PROCESSING\n\n", b":\n\n", RAW, b": bye\n\n")
    assert "".join(one.text for one in reply_to(answer) if isinstance(one, TextDelta)) == "Hé — 日本"


def test_a_stream_without_its_last_word_is_complete_once_it_said_why_it_ended() -> None:
    assert isinstance(reply_to(events(delta(content="a"), delta("stop"), is_done=False))[-1], TurnEnded)


# ---- what goes wrong on the way


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (
            [CUT],
            f"the connection broke: {CUT_SHORT}",
        ),
        ([], "the connection broke before the reply was complete"),
        ([b"data: {not json\n\n"], "a piece of the stream is not JSON"),
        ([b"data: \xff\xfe\n\n"], "the stream is not UTF-8"),
        ([b'data: {"error": {"message": "CUDA error", "code": 500}}\n\n'], "CUDA error"),
    ],
)
def test_a_reply_that_breaks_off_is_told_with_what_had_come(ending: list[object], reason: str) -> None:
    begun = json.dumps(delta(content="Hel"))
    with served(stream(f"data: {begun}\n\n".encode(), *ending), HELLO) as (backend, server):
        got: list[Event] = []
        with pytest.raises(ReplyBroken) as raised:
            for event in backend.reply(HI, OPTIONS):
                got.append(event)
        assert [event for event in got if isinstance(event, TextDelta)] == [TextDelta("Hel")]
        assert (raised.value.message, raised.value.cause) == ("the reply broke off", f"gpu: {reason}")
        assert len(server.bodies) == 1  # what has begun is never asked for again


def test_a_connection_that_breaks_before_anything_came_is_tried_again_and_that_is_told() -> None:
    with served(stream(CUT), stream(b"data: {", CUT), HELLO) as (backend, server):
        got = told(backend)
    assert [type(one) for one in got] == [Notice, Notice, TextDelta, TurnEnded]
    assert got[0] == Notice(f"the server gave no reply (the connection broke: {CUT_SHORT}): trying again")
    assert len(server.bodies) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    busy = refusal(status, {"error": {"message": "Loading model"}})
    with served(busy, HELLO) as (backend, _):
        assert told(backend)[0] == Notice(f"the server is busy (HTTP {status}: Loading model): trying again")


def test_a_server_that_stays_busy_is_given_up() -> None:
    error = failure(*[refusal(503, {"error": "no time"})] * 3)
    assert isinstance(error, ServerBusy)
    assert parts(error) == ("gpu is busy", "HTTP 503: no time", "oss models --server gpu")


def test_who_asks_for_too_long_a_wait_is_not_waited_for() -> None:
    error = failure(refusal(429, {"error": {"message": "slow down"}}, Retry_After="3600"))
    assert parts(error) == (
        "gpu is busy", "HTTP 429: slow down\nit asks to be left alone for 3,600 s", "oss models --server gpu"
    )  # fmt: skip


@pytest.mark.parametrize("wait", ["\xb2", "-1", "9" * 400, "soon", "1e3"])
def test_a_wait_that_is_none_does_no_harm(wait: str) -> None:
    busy = refusal(429, {"error": "slow down"}, Retry_After=wait)
    assert isinstance(failure(*[busy] * 3), ServerBusy)


def test_retry_after_is_obeyed() -> None:
    with served(refusal(429, {"error": "x"}, Retry_After="0"), HELLO) as (backend, _):
        assert told(backend)[0] == Notice("the server is busy (HTTP 429: x): trying again")


def test_nobody_at_the_address() -> None:
    with served() as (backend, server):
        server.__exit__()
        with pytest.raises(ServerUnreachable) as raised:
            told(backend)
    assert raised.value.message == "gpu cannot be reached"
    assert raised.value.hint == "start it, or mend the address, then: oss models --server gpu"


def test_a_server_that_says_nothing_is_given_up_and_not_asked_again() -> None:
    with served(stream(WAIT), silence_s=0.2) as (backend, _), pytest.raises(ServerUnreachable) as raised:
        told(backend)
    assert parts(raised.value) == (
        "gpu does not answer",
        "nothing has come for 0 s",
        "timeout_s in [servers.NAME] allows more",
    )


@pytest.mark.parametrize(("key", "message"), [("", "gpu wants a key"), ("sk-wrong", "gpu does not accept this key")])
def test_a_key_that_is_missing_or_wrong(key: str, message: str) -> None:
    error = failure(refusal(401, {"error": {"message": "Invalid API Key"}}), key=key)
    assert isinstance(error, ServerDenied)
    assert (error.message, error.cause) == (message, "HTTP 401: Invalid API Key")
    assert "sk-wrong" not in "".join(parts(error))


def test_a_redirect_is_not_followed() -> None:
    with ChatServer(HELLO) as other:
        error = failure(refusal(307, b"", Location=f"{other.url}/v1/chat/completions"), key="sk-secret")
        assert parts(error) == (
            "gpu is somewhere else",
            f"it sends us to {other.url}/v1/chat/completions, and keys and prompts go where you say alone",
            "--server with that address",
        )
        assert other.asked == []


@pytest.mark.parametrize("answer", [refusal(200, b"<html>Welcome</html>"), refusal(404, b"<html>nothing here</html>")])
def test_what_is_no_such_server_at_all(answer: Scripted) -> None:
    error = failure(answer)
    assert error.message == "gpu is no OpenAI-compatible server"
    assert error.exit_code == 8


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}},
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404},
        {"error": {"message": 'model "m" not found, try pulling it first', "type": "api_error"}},
    ],
)
def test_a_model_that_is_gone(body: object) -> None:
    error = failure(refusal(404, body))
    assert isinstance(error, UnknownModel)
    assert parts(error) == ("no model is called 'm'", "", "oss models --server gpu")


SENTENCE = "the prompt takes 900 tokens, the context holds 512"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("request (900 tokens) exceeds the available context size (512 tokens), try increasing it",
         {"type": "exceed_context_size_error", "n_prompt_tokens": 900, "n_ctx": 512}),
        ("This model's maximum context length is 512 tokens. However, you requested 910 tokens (900 in the messages, 10"
         " in the completion). Please reduce the length of the messages or completion.", {"type": "BadRequestError"}),
        ("This model's maximum context length is 512 tokens. However, your request has 900 input tokens. Please reduce"
         " the length of the input messages.", {}),
        ("This model's maximum context length is 512 tokens. However, you requested 10 output tokens and your prompt"
         " contains at least 900 input tokens, for a total of at least 910 tokens.", {}),
        ("The decoder prompt (length 900) is longer than the maximum model length of 512.", {}),
        ("The input (900 tokens) is longer than the model's context length (512 tokens).", {}),
        ("Requested token count exceeds the model's maximum context length of 512 tokens. You requested a total of 910"
         " tokens: 900 tokens from the input messages and 10 tokens for the completion.", {}),
        ("This model's maximum context length is 512 tokens. However, your messages resulted in 900 tokens.",
         {"code": "context_length_exceeded"}),
        ("Requested tokens (900) exceed context window of 512", {}),
    ],
)  # fmt: skip
def test_a_prompt_longer_than_the_context_in_each_servers_words(message: str, fields: dict[str, object]) -> None:
    with served(refusal(400, {"error": {"message": message, **fields}})) as (backend, _):
        with pytest.raises(PromptTooLong) as raised:
            told(backend)
        assert (raised.value.cause, raised.value.hint) == (SENTENCE, "shorten it, or give the server a longer context")
        assert backend.context_tokens == 512  # it knows better than the guess did


def test_a_reply_that_has_no_room_is_told_what_has() -> None:
    message = (
        "This model's maximum context length is 512 tokens. However, you requested 700 tokens (200 in the messages, 500"
        " in the completion)."
    )
    assert parts(failure(refusal(400, {"error": {"message": message}}))) == (
        "there is no room for so long a reply",
        "the prompt takes 200 tokens, and 500 were asked for\nthe server's context holds 512",
        "--max-tokens 312",
    )


def test_a_context_that_is_exceeded_by_nobody_knows_how_much() -> None:
    error = failure(refusal(400, {"error": "the input length exceeds the context length"}))
    assert isinstance(error, DoesNotFit)
    assert error.cause == "HTTP 400: the input length exceeds the context length"


def test_what_a_server_refuses_is_told_in_its_words() -> None:
    error = failure(refusal(400, {"error": {"message": "top_k must be -1 or at least 1"}}))
    assert isinstance(error, RequestRefused)
    assert parts(error) == (
        "gpu does not take this request",
        "HTTP 400: top_k must be -1 or at least 1",
        "leave out the option that it names",
    )  # fmt: skip


def test_a_server_that_fails_is_told_in_its_words() -> None:
    error = failure(refusal(500, {"error": {"message": "out of memory"}}))
    assert isinstance(error, ServerFailed)
    assert parts(error) == ("gpu failed", "HTTP 500: out of memory", "see the server's own log")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (stream(), "the connection broke before the reply was complete"),
        (stream(b"data: [1]\n\n"), "a piece of the stream is not JSON"),
        (stream(b"data: [DONE]\n\n"), "the stream ended without a reply"),
    ],
)
def test_a_stream_that_never_begins_is_no_server_that_is_away(answer: Scripted, reason: str) -> None:
    error = failure(answer, answer, answer)
    assert isinstance(error, ServerFailed)
    assert parts(error) == ("gpu gave no reply", reason, "see the server's own log: it may say why")


def test_markup_that_a_server_hands_through_is_told() -> None:
    first, second, _ = reply_to(events(delta(content="<|channel|>analysis<|message|>Hm."), delta("stop")))
    assert isinstance(first, Notice)
    assert first.text.startswith(
        "the server does not read gpt-oss's harmony format: its answers come with their markup"
    )
    assert second == TextDelta("<|channel|>analysis<|message|>Hm.")


# ---- fields that a server does not know


def test_a_field_that_says_nothing_new_is_left_out_where_a_server_refuses_it_and_stays_so() -> None:
    refused = refusal(400, {"error": {"message": "Unrecognized request argument supplied: chat_template_kwargs"}})
    options = replace(OPTIONS, effort=ReasoningEffort.LOW)
    with served(refused, HELLO, HELLO) as (backend, server):
        assert [type(one) for one in told(backend, options)] == [TextDelta, TurnEnded]
        told(backend, options)
    assert ["chat_template_kwargs" in body for body in server.bodies] == [True, False, False]
    assert all(body["reasoning_effort"] == "low" for body in server.bodies)


def test_what_was_asked_for_is_never_left_out() -> None:
    refused = refusal(400, {"error": {"message": "Unknown parameter: 'reasoning_effort', 'chat_template_kwargs'"}})
    error = failure(refused, refused, options=replace(OPTIONS, effort=ReasoningEffort.LOW))
    assert isinstance(error, RequestRefused)


# ---- giving up


def test_closing_a_reply_hangs_up_and_the_server_sees_it() -> None:
    begun = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    with served(stream(begun, WAIT), HELLO) as (backend, server):
        reply = backend.reply(HI, OPTIONS)
        next(reply)
        reply.close()
        assert server.hung_up.wait(10)
        assert told(backend)[0] == TextDelta("Hello")


def test_closing_the_backend_ends_a_reply_that_has_not_begun() -> None:
    with served(stream(WAIT)) as (backend, server):
        caught: list[BaseException] = []

        def ask() -> None:
            try:
                told(backend)
            except OssError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.bodies:
            pass
        backend.close()
        thread.join(10)
        assert [type(error) for error in caught] == [EngineFailed]
        assert server.hung_up.wait(10)
        with pytest.raises(EngineFailed):
            told(backend)
        backend.close()


def test_many_replies_at_the_same_time_do_not_mix() -> None:
    def answer(number: int) -> Scripted:
        return stream(
            *(f"data: {json.dumps(delta(content=f'{number} '))}\n\n".encode() for _ in range(20)), b"data: [DONE]\n\n"
        )

    with served(*(answer(number) for number in range(16))) as (backend, _):
        said: list[str] = []

        def ask() -> None:
            said.append("".join(one.text for one in told(backend) if isinstance(one, TextDelta)))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(said) == sorted(f"{number} " * 20 for number in range(16))


def test_a_unix_socket_takes_the_place_of_the_address(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with ChatServer(HELLO, path=path) as server:
        connection = Connection(Server("http://oss/v1", "oss"), unix_transport(path))
        with closing(RemoteBackend(connection, ServedModel("m"), 100)) as backend:
            assert told(backend)[0] == TextDelta("Hello")
        assert server.asked[0].path == "/v1/chat/completions"


# ---- counting


def test_counting_is_a_guess_that_learns() -> None:
    long = [user_message("word " * 400)]
    usage = {"choices": [], "usage": {"prompt_tokens": 475, "completion_tokens": 1}}
    with served(events(delta(content="a"), delta("stop"), usage)) as (backend, _):
        assert backend.count_tokens(long, OPTIONS) == 70 + 5 + 500
        told(backend, messages=long)
        assert backend.count_tokens(long, OPTIONS) == 475
        assert backend.count_text_tokens("word " * 40) == 40
