"""What a server has, which program it is, and how long its context is; and that no answer, however odd, is a bug."""

import json
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.backends.remote import Connection, ServedModel, Server, ServerKind, find_model, look_at_server
from oss_cli.backends.remote.connection import Refused
from oss_cli.backends.remote.failures import explain
from oss_cli.backends.remote.models import find_context
from oss_cli.backends.remote.reply_reader import ReplyReader
from oss_cli.backends.remote.server import is_loopback
from oss_cli.backends.remote.wire import error_in, read_refusal
from oss_cli.errors import BadUsage, OssError, UnknownModel
from tests.fakes.chat_server import ChatServer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "message", "content", "reasoning", "tool_calls", "function", "index", "id", "usage",
                "error",
             "finish_reason", "stop_reason", "timings", "prompt_ms", "code", "type", "name", "arguments", "detail"]
        ), inner, max_size=4,
    ), max_leaves=20,
)  # fmt: skip


def context_of(listed: dict[str, object], pages: dict[str, object]) -> tuple[ServerKind, int]:
    with ChatServer(models={"data": [{"id": "m", **listed}]}) as server:
        server.pages = pages
        with closing(Connection(Server(f"{server.url}/v1", "x"))) as connection:
            [model] = look_at_server(connection)
            return model.kind, find_context(connection, model)


@pytest.mark.parametrize(
    ("listed", "pages", "kind", "context"),
    [
        ({"owned_by": "vllm", "max_model_len": 131072}, {}, ServerKind.VLLM, 131072),
        ({"owned_by": "sglang", "max_model_len": 8192}, {}, ServerKind.SGLANG, 8192),
        ({"owned_by": "oss", "max_model_len": 4096}, {}, ServerKind.OSS, 4096),
        ({"owned_by": "llamacpp", "meta": {"n_ctx": 2048, "n_ctx_train": 9}}, {}, ServerKind.LLAMA_SERVER, 2048),
        (
            {"owned_by": "llamacpp", "meta": {"n_ctx_train": 9}},
            {"/props": {"default_generation_settings": {"n_ctx": 1024}}}, ServerKind.LLAMA_SERVER, 1024,
        ),
        ({"owned_by": "llamacpp", "meta": None}, {}, ServerKind.LLAMA_SERVER, 32768),
        (
            {"owned_by": "library"}, {"/api/ps": {"models": [{"name": "m", "context_length": 16384}]}},
            ServerKind.OLLAMA, 16384,
        ),
        ({"owned_by": "library"}, {"/api/ps": {"models": []}}, ServerKind.OLLAMA, 4096),
        ({"context_length": 200000}, {}, ServerKind.OTHER, 200000),
        ({"max_model_len": None}, {}, ServerKind.OTHER, 32768),
    ],
)  # fmt: skip
def test_the_context_is_what_each_program_says_it_is(
    listed: dict[str, object], pages: dict[str, object], kind: ServerKind, context: int
) -> None:
    assert context_of(listed, pages) == (kind, context)


SERVED = (ServedModel("openai/gpt-oss-120b"), ServedModel("openai/gpt-oss-20b"), ServedModel("other/gpt-oss-20b"))


def test_a_model_is_found_by_its_name_or_by_an_end_that_only_it_has() -> None:
    assert find_model(SERVED, "openai/gpt-oss-20b", "x") is SERVED[1]
    assert find_model(SERVED, "GPT-OSS-120B", "x") is SERVED[0]
    with pytest.raises(UnknownModel) as raised:
        find_model(SERVED, "gpt-oss-20b", "x")
    assert {"other/gpt-oss-20b", "openai/gpt-oss-20b"} <= set(raised.value.nearest)


def test_without_a_name_the_only_model_is_meant() -> None:
    assert find_model(SERVED[:1], None, "x") is SERVED[0]
    with pytest.raises(BadUsage):
        find_model(SERVED, None, "x")
    with pytest.raises(BadUsage):
        find_model((), None, "x")
    assert find_model((), "any", "x") == ServedModel("any")


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:1/v1", True), ("http://127.0.0.1/v1", True), ("http://127.8.9.1", True),
        ("http://[::1]:8000", True),
        ("http://localhost.example.com", False), ("http://127.0.0.1.example.com", False), ("http://0.0.0.0", False),
        ("http://192.168.1.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_this_computer(url: str, is_here: bool) -> None:
    assert is_loopback(url) is is_here


@given(st.dictionaries(st.sampled_from(["choices", "usage", "timings", "error", "object"]), JSON, max_size=4))
def test_no_piece_of_a_stream_is_a_bug(piece: dict[str, object]) -> None:
    reader = ReplyReader(lambda: 0.0, context_tokens=100)
    reader.feed(piece)
    reader.close()
    reader.usage()
    assert reader.reason is not None
    error_in(piece)


@given(st.integers(300, 599), JSON | st.binary(max_size=20))
def test_no_refusal_is_a_bug(status: int, value: object) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert isinstance(explain(Refused(read_refusal(status, body)), Server("http://a/v1", "a")), OssError)
