"""`--server`, `oss models` and [servers.NAME] through `main`, on a server without a model."""

import json
import re
from pathlib import Path

import pytest

from tests.fakes.chat_server import CERTIFICATE, CUT, WAIT, ChatServer, Scripted, delta, events, refusal, stream
from tests.harness import Result, open_terminal, run_oss

USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}
TWO = {
    "object": "list",
    "data": [{"id": "openai/gpt-oss-120b", "max_model_len": 131072, "owned_by": "vllm"}, {"id": "tiny"}],
}


def hello(text: str = "Hello!") -> Scripted:
    return events(delta(reasoning="Hm."), delta(content=text), delta("stop"), USAGE)


def ended(result: Result) -> tuple[str, str, int]:
    return result.stdout, result.stderr, result.status


# ---- oss run


def test_the_answer_of_a_server_alone_goes_to_stdout() -> None:
    with ChatServer(hello()) as server:
        assert ended(run_oss("run", "--server", server.url, "hi")) == ("Hello!\n", "", 0)


def test_a_model_is_found_by_the_end_of_its_name() -> None:
    with ChatServer(hello(), models=TWO) as server:
        assert run_oss("run", "--server", server.url, "-m", "gpt-oss-120b", "-e", "high", "hi").status == 0
        assert server.bodies[0]["model"] == "openai/gpt-oss-120b"
        assert server.bodies[0]["reasoning_effort"] == "high"


def test_of_several_models_one_must_be_named() -> None:
    with ChatServer(models=TWO) as server:
        assert ended(run_oss("run", "--server", server.url, "hi")) == (
            "",
            "error: the server has several models\n  openai/gpt-oss-120b, tiny\nhint: -m openai/gpt-oss-120b\n",
            2,
        )


def test_the_model_of_this_computer_is_used_on_a_server_only_if_it_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_MODEL", "gpt-oss-120b")
    with ChatServer(hello(), models=TWO) as server:
        run_oss("run", "--server", server.url, "hi")
        assert server.bodies[0]["model"] == "openai/gpt-oss-120b"
    with ChatServer(hello()) as server:
        run_oss("run", "--server", server.url, "hi")
        assert server.bodies[0]["model"] == "fake-model"


def test_an_unknown_model_is_told_with_the_nearest() -> None:
    with ChatServer(models=TWO) as server:
        url = f"{server.url}/v1"
        assert ended(run_oss("run", "--server", url, "-m", "gpt-oss-20b", "hi")) == (
            "",
            "error: no model is called 'gpt-oss-20b'\n  nearest names: openai/gpt-oss-120b\n"
            f"hint: oss models --server {url}\n",
            3,
        )


def test_a_server_without_a_list_gets_the_name_that_is_given() -> None:
    with ChatServer(hello(), models=refusal(404, {"error": "no"})) as server:
        assert run_oss("run", "--server", server.url, "-m", "whatever", "hi").stdout == "Hello!\n"
        assert run_oss("run", "--server", server.url, "hi").stderr == (
            "error: no model is named\n  the server does not list its models\nhint: -m NAME\n"
        )


def test_the_json_says_where_the_model_is() -> None:
    with ChatServer(hello()) as server:
        value = json.loads(run_oss("run", "--server", server.url, "--json", "--seed", "3", "hi").stdout)
        url = f"{server.url}/v1"
    assert value["model"] == {"name": "fake-model", "path": None, "server": url, "sha256": None}
    assert (value["answer"], value["reasoning"], value["seed"]) == ("Hello!", "Hm.", 3)
    assert value["versions"]["llama_cpp_python"] is None
    assert value["usage"]["reply_tokens"] == 4


def test_a_reply_that_breaks_off_leaves_what_had_come_and_says_so_by_its_status() -> None:
    piece = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    with ChatServer(stream(piece, CUT)) as server:
        url = f"{server.url}/v1"
        assert ended(run_oss("run", "--server", server.url, "hi")) == (
            "Hel\n",
            "error: the reply broke off\n"
            f"  {url}: the connection broke: peer closed connection without sending complete message body (incomplete"
            " chunked read)\n"
            f"hint: what has come stands above; to see whether the server is still there: oss models --server {url}\n",
            8,
        )
    with ChatServer(stream(piece, CUT)) as server:
        value = json.loads(run_oss("run", "--server", server.url, "--json", "hi").stdout)
        assert (value["answer"], value["stop_reason"], value["error"]["exit_code"]) == ("Hel", "error", 8)


def test_nobody_at_the_address() -> None:
    with ChatServer() as server:
        url = server.url
    result = run_oss("run", "--server", url, "hi")
    assert (result.stdout, result.status) == ("", 8)
    assert result.stderr == (
        f"error: {url}/v1 cannot be reached\n  {url}/v1: no connection: [Errno 111] Connection refused\n"
        f"hint: start it, or mend the address, then: oss models --server {url}/v1\n"
    ).replace("[Errno 111] Connection refused", re.findall(r"no connection: (.*)\n", result.stderr)[0])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--gpu-layers", "4", "--gpu-layers does not reach a server"),
        ("--threads", "2", "--threads does not reach a server"),
        ("--kv-type", "q8_0", "--kv-type does not reach a server"),
        ("--mlock", "", "--mlock does not reach a server"),
        ("--reasoning-budget", "9", "--reasoning-budget does not reach a server"),
        ("--raw", "", "--raw is not for servers"),
        ("--dry-run", "", "--dry-run is not for servers"),
    ],
)
def test_what_is_for_this_computer_alone_is_refused(option: str, value: str, message: str) -> None:
    with ChatServer() as server:
        result = run_oss("run", "--server", server.url, option, *([value] if value else []), "hi")
        assert (result.stderr.splitlines()[0], result.status) == (f"error: {message}", 2)
        assert server.asked == []


def test_a_server_may_be_a_setting_and_local_is_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer(hello()) as server:
        assert run_oss("config", "set", "servers.gpu.url", server.url).status == 0
        assert run_oss("config", "set", "server", "gpu").status == 0
        assert run_oss("run", "hi").stdout == "Hello!\n"
        assert "Hello! How can I help you" in run_oss("run", "--server", "local", "Hi", "--temperature", "0").stdout
        assert run_oss("models").status == 0


def test_the_network_is_not_used_where_it_is_forbidden_but_this_computer_is_none() -> None:
    result = run_oss("--offline", "run", "--server", "http://192.0.2.1:8000", "hi")
    assert ended(result) == (
        "",
        "error: http://192.0.2.1:8000/v1 is not asked\n  the setting offline is true (--offline, OSS_OFFLINE); servers"
        " on this computer are no network\nhint: OSS_OFFLINE=false, or --server local\n",
        2,
    )
    with ChatServer(hello()) as server:
        assert run_oss("--offline", "run", "--server", server.url, "hi").status == 0


def test_no_proxy_sees_what_stays_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with ChatServer(hello()) as server:
        assert run_oss("run", "--server", server.url, "hi").stdout == "Hello!\n"


def test_an_address_with_tls_where_there_is_none() -> None:
    with ChatServer() as server:
        url = server.url.replace("http:", "https:")
        result = run_oss("run", "--server", url, "hi")
        assert (result.stderr.splitlines()[0], result.status) == (f"error: {url}/v1 cannot be trusted", 8)
        assert result.stderr.splitlines()[-1] == f"hint: if it speaks no TLS: --server {server.url}/v1"


def test_a_certificate_that_nobody_vouches_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-secret")
    with ChatServer(hello(), has_tls=True) as server:
        result = run_oss("run", "--server", server.url, "hi")
        assert (result.stderr.splitlines()[0], result.status) == (f"error: {server.url}/v1 cannot be trusted", 8)
        assert "self-signed certificate" in result.stderr.splitlines()[1]
        assert result.stderr.splitlines()[2] == (
            "hint: set SSL_CERT_FILE to a file that has the certificate of who signed it"
        )
        assert server.asked == []


def test_a_certificate_that_is_given_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer(hello(), has_tls=True) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert ended(run_oss("run", "--server", server.url, "hi")) == ("Hello!\n", "", 0)


def test_ctrl_c_keeps_what_was_said_and_the_server_sees_it() -> None:
    piece = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    with ChatServer(stream(piece, WAIT)) as server:
        with open_terminal("run", "--server", server.url, "hi") as terminal:
            terminal.expect("Hel")
            terminal.interrupt()
            assert terminal.wait() == 130
        assert server.hung_up.wait(10)


def test_ctrl_c_in_a_chat_hangs_up_and_the_chat_goes_on() -> None:
    piece = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    with (
        ChatServer(stream(piece, WAIT), hello("Two.")) as server,
        open_terminal("chat", "--server", server.url) as terminal,
    ):
        terminal.expect("/help")
        terminal.send("one\r")
        terminal.expect("Hel")
        terminal.interrupt()
        assert server.hung_up.wait(10)
        terminal.send("two\r")
        terminal.expect("Two.")
        terminal.send("/quit\r")
        assert terminal.wait() == 0
        assert [one["content"] for one in server.bodies[1]["messages"]] == ["one", "Hel", "two"]


# ---- keys


def test_the_key_of_an_address_comes_from_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-secret")
    with ChatServer(hello()) as server:
        result = run_oss("run", "--server", server.url, "-v", "hi")
        assert [one.headers["authorization"] for one in server.asked] == ["Bearer sk-secret"] * 2
        assert "sk-secret" not in result.stdout + result.stderr


def test_a_server_with_a_name_gets_its_own_key_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-other")
    with ChatServer(hello(), hello()) as server:
        run_oss("config", "set", "servers.gpu.url", server.url)
        run_oss("run", "--server", "gpu", "hi")
        assert "authorization" not in server.asked[-1].headers
        run_oss("config", "set", "servers.gpu.api_key_env", "GPU_KEY")
        assert ended(run_oss("run", "--server", "gpu", "hi")) == (
            "",
            "error: GPU_KEY is not set\n  servers.gpu.api_key_env says that it holds the key\n"
            "hint: export GPU_KEY=KEY\n",
            9,
        )
        monkeypatch.setenv("GPU_KEY", "sk-gpu")
        run_oss("run", "--server", "gpu", "hi")
        assert server.asked[-1].headers["authorization"] == "Bearer sk-gpu"


def test_a_key_does_not_travel_for_all_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_API_KEY", "sk-secret")
    assert ended(run_oss("run", "--server", "http://192.0.2.1/v1", "hi")) == (
        "",
        "error: the key would travel without encryption\n  http://192.0.2.1/v1 is no https address\n"
        "hint: take an https address or a tunnel, or send no key: unset OSS_API_KEY\n",
        9,
    )


# ---- oss models, oss config


def test_models_lists_what_a_server_has() -> None:
    with ChatServer(models=TWO) as server:
        assert ended(run_oss("models", "--server", server.url)) == (
            "MODEL                CONTEXT  SERVER\nopenai/gpt-oss-120b  131,072  vLLM\n"
            "tiny                          an OpenAI-compatible server\n",
            "",
            0,
        )
        assert json.loads(run_oss("models", "--server", server.url, "--json").stdout) == [
            {"name": "openai/gpt-oss-120b", "context_tokens": 131072, "server": "vLLM"},
            {"name": "tiny", "context_tokens": None, "server": "an OpenAI-compatible server"},
        ]


@pytest.mark.parametrize("body", [b"<html>Hello</html>", {"hello": "world"}])
def test_what_is_no_openai_server_is_told(body: object) -> None:
    with ChatServer(models=refusal(200, body)) as server:
        result = run_oss("models", "--server", server.url)
        assert (result.stderr.splitlines()[0], result.status) == (
            f"error: {server.url}/v1 is no OpenAI-compatible server", 8
        )  # fmt: skip


def test_models_without_a_server() -> None:
    assert ended(run_oss("models")) == (
        "", "error: no server is named\n  oss list shows what is here\nhint: oss models --server URL\n", 2
    )  # fmt: skip


def test_config_sets_shows_and_removes_a_server(tmp_path: Path) -> None:
    assert ended(run_oss("config", "set", "servers.gpu.model", "m")) == (
        "",
        "error: gpu is no server yet\n  its address comes first\nhint: oss config set servers.gpu.url URL\n",
        2,
    )
    assert run_oss("config", "set", "servers.gpu.url", "http://gpu-box:8000").status == 0
    assert run_oss("config", "set", "servers.gpu.timeout-s", "30").status == 0
    assert run_oss("config", "get", "servers.gpu.url").stdout == "http://gpu-box:8000/v1\n"
    assert run_oss("config", "get", "servers.gpu.timeout_s").stdout == "30.0\n"
    rows = [line for line in run_oss("config", "show").stdout.splitlines() if line.startswith("servers.")]
    assert [re.split(r"  +", row) for row in rows] == [
        ["servers.gpu.url", "http://gpu-box:8000/v1", "config.toml", "where it answers"],
        ["servers.gpu.timeout_s", "30.0", "config.toml", "after so long without a byte a reply is given up"],
    ]
    assert run_oss("config", "unset", "servers.gpu").status == 0
    assert "servers.gpu" not in run_oss("config", "show").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("servers.gpu.url", "gpu-box"), "servers.gpu.url cannot be what was given"),
        (("servers.gpu.colour", "red"), "a server has no setting called 'colour'"),
        (("servers.gpu", "x"), "'servers.gpu' is a server, not a setting"),
        (("servers.local.url", "http://a"), "'servers.local.url' is no setting of a server"),
        (("server", "nowhere"), "no server is called 'nowhere'"),
    ],
)
def test_config_refuses_what_no_server_can_have(arguments: tuple[str, str], message: str) -> None:
    result = run_oss("config", "set", *arguments)
    assert (result.stderr.splitlines()[0], result.status) == (f"error: {message}", 2)


# ---- oss chat


def test_a_chat_with_a_server_remembers_what_was_said_and_changes_the_model() -> None:
    with ChatServer(hello("One."), hello("Two."), hello("Three."), models=TWO) as server:
        result = run_oss(
            "chat", "--server", server.url, "-m", "tiny", stdin="first\nsecond\n/model gpt-oss-120b\nthird\n/model\n"
        )
        assert (result.stdout, result.status) == ("One.\nTwo.\nThree.\n", 0)
        assert [body["model"] for body in server.bodies] == ["tiny", "tiny", "openai/gpt-oss-120b"]
        assert [one["content"] for one in server.bodies[2]["messages"]] == ["first", "One.", "second", "Two.", "third"]
    assert "→ openai/gpt-oss-120b" in result.stdout + result.stderr


def test_a_reply_that_broke_off_stays_in_the_chat_and_goes_on() -> None:
    piece = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    models = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}
    with (
        ChatServer(stream(piece, CUT), hello("lo"), models=models) as server,
        open_terminal("chat", "--server", server.url) as terminal,
    ):
        terminal.expect("m · /help")
        terminal.send("hi\r")
        terminal.expect("the reply broke off")
        terminal.send("/continue\r")
        terminal.expect("lo")
        terminal.send("/quit\r")
        assert terminal.wait() == 0
        assert server.bodies[1]["messages"][-1] == {"role": "assistant", "content": "Hel"}


def test_a_person_is_told_when_a_server_is_asked_again() -> None:
    busy = refusal(503, {"error": {"message": "Loading model"}})
    with ChatServer(busy, hello()) as server, open_terminal("run", "--server", server.url, "hi") as terminal:
        terminal.expect("(the server is busy (HTTP 503: Loading model): trying again)")
        terminal.expect("Hello!")
        assert terminal.wait() == 0


# ---- oss batch


def requests(tmp_path: Path, count: int) -> str:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"id": {number}, "prompt": "say {number}"}}\n' for number in range(count)))
    return str(path)


def test_a_batch_keeps_as_many_requests_in_flight_as_it_may(tmp_path: Path) -> None:
    slow = [0.05, *events(delta(content="a"), delta("stop"), USAGE).pieces]
    with ChatServer(*(Scripted(slow) for _ in range(12))) as server:
        result = run_oss("batch", "--server", server.url, "--parallel", "4", "--ordered", requests(tmp_path, 12))
        assert (result.status, server.most_at_once) == (0, 4)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["id"], one["answer"], one["error"]) for one in records] == [
        (number, "a", None) for number in range(12)
    ]


def test_a_batch_waits_for_a_busy_server_and_loses_nothing(tmp_path: Path) -> None:
    busy = refusal(429, {"error": "slow down"}, Retry_After="0")
    with ChatServer(busy, hello(), busy, busy, hello()) as server:
        result = run_oss("batch", "--server", server.url, "--parallel", "1", requests(tmp_path, 2))
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["Hello!", "Hello!"]


def test_a_batch_keeps_what_a_broken_reply_had_said(tmp_path: Path) -> None:
    piece = f"data: {json.dumps(delta(content='Hel'))}\n\n".encode()
    with ChatServer(stream(piece, CUT), hello()) as server:
        result = run_oss("batch", "--server", server.url, "--parallel", "1", requests(tmp_path, 2))
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["answer"], first["error"]["code"], second["answer"]) == ("Hel", "server_failed", "Hello!")
    assert result.status == 12


def test_a_batch_whose_server_is_gone_stops_and_goes_on_later(tmp_path: Path) -> None:
    source, out = requests(tmp_path, 2), str(tmp_path / "out.jsonl")
    with ChatServer(hello(), refusal(401, {"error": "the key is no good any more"}), hello()) as server:
        first = run_oss("batch", "--server", server.url, "--parallel", "1", source, "-o", out)
        assert (first.status, len(Path(out).read_text().splitlines())) == (8, 1)
        second = run_oss("batch", "--server", server.url, "--parallel", "1", source, "-o", out)
        assert (second.status, len(Path(out).read_text().splitlines())) == (0, 2)


def test_a_request_that_a_server_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    with ChatServer(*[refusal(400, {"error": {"message": "no"}})] * 4, hello()) as server:
        result = run_oss("batch", "--server", server.url, "--parallel", "1", requests(tmp_path, 5))
    codes = [(json.loads(line)["error"] or {}).get("code") for line in result.stdout.splitlines()]
    assert codes == ["invalid_request"] * 4 + [None]


# ---- conversations


def test_a_conversation_goes_on_there_and_here() -> None:
    with ChatServer(hello("One."), hello("Two."), models=TWO) as server:
        assert run_oss("run", "--server", server.url, "-m", "tiny", "--save", "first").stdout == "One.\n"
        assert run_oss("run", "--server", server.url, "-c", "second").stdout == "Two.\n"  # with the model that it had
        assert [body["model"] for body in server.bodies] == ["tiny", "tiny"]
        assert [one["content"] for one in server.bodies[1]["messages"]] == ["first", "One.", "second"]
    result = run_oss("run", "-c", "--temperature", "0", "--max-tokens", "5", "third")
    assert (result.status, result.stderr) == (0, "")
    shown = json.loads(run_oss("history", "show", "--json").stdout)
    assert "tiny" in json.dumps(shown)


def test_numbers_that_a_server_makes_up_do_not_damage_the_history() -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": 10**30}
    piece = delta("stop", content="One.") | {"usage": usage, "timings": {"prompt_ms": -1, "predicted_ms": 1e400}}
    models = {"data": [{"id": "tiny", "max_model_len": 10**30}]}
    with ChatServer(events(piece), hello("Two."), models=models) as server:
        assert run_oss("run", "--server", server.url, "--save", "first").stdout == "One.\n"
        assert run_oss("run", "--server", server.url, "-c", "second").stdout == "Two.\n"
    assert run_oss("history", "show", "--json").status == 0


def test_a_reasoning_model_that_ran_out_of_tokens_is_told_as_here() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}
    with ChatServer(events(delta(reasoning="Hm."), delta("length"), usage)) as server:
        assert ended(run_oss("run", "--server", server.url, "--max-tokens", "5", "hi")) == (
            "",
            "error: the reply was cut off before its answer began\n"
            "  the limit was 5 tokens; all 5 tokens of the reply were reasoning\nhint: --max-tokens 512\n",
            11,
        )


def test_a_chat_that_outgrows_the_context_drops_its_oldest_turns() -> None:
    models = {"data": [{"id": "m", "max_model_len": 400}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 200, "completion_tokens": 4}}
    replies = [events(delta(content=f"{number}."), delta("stop"), usage) for number in range(3)]
    long = "word " * 120
    with ChatServer(*replies, models=models) as server:
        result = run_oss("chat", "--server", server.url, "--overflow", "drop", stdin=f"{long}\n{long}\n{long}\n")
        assert (result.stdout, result.status) == ("0.\n1.\n2.\n", 0)
        assert len(server.bodies[2]["messages"]) < 5


def test_what_a_server_says_cannot_drive_the_terminal() -> None:
    evil = refusal(400, {"error": {"message": "no \x1b]0;title\x07\x1b[31m"}})
    with ChatServer(evil) as server, open_terminal("run", "--server", server.url, "hi") as terminal:
        assert terminal.wait() == 8
        assert b"\x1b]0;" not in terminal.raw
        assert b"\x1b[31m" not in terminal.raw
