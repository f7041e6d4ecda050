"""`oss serve` before it serves: what it needs, and who may reach it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness import run_oss
from tests.peers.processes import free_port
from tests.server.serving import serving


def test_missing_packages_are_one_error_with_the_command(tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("starlette", "sse_starlette"):
        monkeypatch.setitem(sys.modules, name, None)  # Python's own way to say that there is none
    result = run_oss("serve", str(tiny_gpt_oss))
    assert (result.stdout, result.stderr, result.status) == (
        "",
        "error: oss serve needs more packages\n  starlette, sse-starlette are not installed\n"
        f"hint: {sys.executable} -m pip install 'oss-cli[serve]'\n",
        2,
    )


def test_an_address_that_is_none_of_ours_is_told(tiny_gpt_oss: Path) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--host", "192.0.2.7", "--api-key", "k", "--port", "0")
    assert (result.stderr, result.status) == (
        "error: 192.0.2.7 port 0 cannot be listened to\n  Cannot assign requested address\n",
        2,
    )


@pytest.mark.parametrize("origin", ["localhost:3000", "http://localhost:3000/app", "null", "http://a b", "http://", ""])
def test_an_origin_that_no_browser_ever_sends_is_refused(tiny_gpt_oss: Path, origin: str) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--cors", origin, "--port", "0")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        f"error: {origin!r} is no web page's origin\n  it is a scheme and a host, as http://localhost:3000, or *\n",
        2,
    )


@pytest.mark.parametrize("key", ["schlüssel", "two words", "a\x00b", "a\nb"])
def test_a_key_that_no_client_can_send_is_refused_and_not_shown(tiny_gpt_oss: Path, key: str) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--api-key", key, "--port", "0")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        "error: the API key cannot be sent\n  a header holds letters, digits and signs of ASCII, without spaces\n",
        2,
    )


def test_a_key_out_of_spaces_alone_is_none(tiny_gpt_oss: Path) -> None:
    result = run_oss("serve", str(tiny_gpt_oss), "--host", "0.0.0.0", "--api-key", " \n")
    assert (result.stderr.splitlines()[0], result.status) == ("error: there is no API key", 2)


def test_a_key_out_of_a_file_may_end_its_line_and_an_origin_has_no_slash(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    options = ("--parallel", "1", "--cors", "HTTP://Localhost:3000/", "--cors", "chrome-extension://abc")
    with serving(tiny_gpt_oss, tmp_path, *options, OSS_SERVE_API_KEY="sesame\n") as server:
        for origin in ("http://localhost:3000", "chrome-extension://abc"):
            headers = {"Authorization": "Bearer sesame", "Origin": origin}
            status, answer, _ = server.ask("GET", "/v1/models", headers=headers)
            assert (status, answer["access-control-allow-origin"]) == (200, origin)


def test_of_two_that_are_started_at_once_one_is_told_that_the_port_is_taken(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    port = str(free_port())
    environment = {**os.environ, "OSS_HOME": str(tmp_path), "OSS_THREADS": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "oss_cli", "serve", str(tiny_gpt_oss), "--port", port, "--parallel", "1"]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    while all(child.poll() is None for child in children):
        time.sleep(0.05)
    loser, winner = sorted(children, key=lambda child: child.poll() is None)
    assert winner.stderr is not None
    assert winner.stderr.readline() == f"tiny-gpt-oss answers at http://127.0.0.1:{port}/v1\n"
    winner.terminate()
    assert (winner.communicate()[1], winner.returncode) == ("", 0)
    assert (loser.communicate()[1], loser.returncode) == (
        f"error: 127.0.0.1 port {port} cannot be listened to\n  Address already in use\n"
        f"hint: oss serve --port {int(port) + 1}\n",
        2,
    )


def test_any_address_of_the_loopback_will_do(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--host", "127.0.0.2", "--parallel", "1") as server:
        assert server.first_line.startswith("tiny-gpt-oss answers at http://127.0.0.2:")
        assert server.stop() == 0


def test_a_model_that_is_not_there_is_told_before_anything_else() -> None:
    result = run_oss("serve", "nothing-like-it")
    assert (result.stdout, result.status) == ("", 3)
    assert result.stderr.startswith("error: no model is called 'nothing-like-it'\n")


def test_a_model_answers_to_all_its_names(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, "--alias", "gpt-4o", "--alias", "b/c", "--parallel", "1") as server:
        for name in ("gpt-4o", "GPT-4O", "b/c", "tiny-gpt-oss", str(tiny_gpt_oss)):
            body = {"model": name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
            assert server.ask("POST", "/v1/chat/completions", body)[0] == 200
        assert server.ask("GET", "/v1/models/b/c")[0] == 200
