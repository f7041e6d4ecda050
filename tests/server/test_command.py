"""`oss serve` before it serves: what it needs, and who may reach it."""

import sys
from pathlib import Path

import pytest

from tests.harness import run_oss
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
