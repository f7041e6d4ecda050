"""Schemas on the real program and both models: exit status 0 never stands beside an answer that does not fit.

All twenty schemas are tried through the backend (tests/backends/test_answer_form.py); here are the nastiest of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.backends.schemas import SCHEMAS

NASTY = ("nested", "one of", "pattern", "unicode", "recursion", "no grammar can")


def oss(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "oss_cli", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100,
        check=False,
    )  # fmt: skip


@pytest.fixture(params=["tiny gpt-oss", "SmolLM2"])
def model(request: pytest.FixtureRequest, tiny_gpt_oss: Path, smollm2: Path) -> str:
    return str(tiny_gpt_oss if request.param == "tiny gpt-oss" else smollm2)


@pytest.mark.slow
def test_twenty_schemas_in_one_batch_each_fit_or_have_an_error(model: str) -> None:
    lines = [
        {"id": name, "prompt": question, "schema": schema, "options": {"seed": 3, "temperature": 1.2}}
        for name, (question, schema) in SCHEMAS.items()
    ]
    Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    done = oss("batch", "in.jsonl", "-m", model, "--max-tokens", "90", "--ordered", "--quiet")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["id"] for record in records] == list(SCHEMAS)
    whole = 0
    for record in records:
        schema = SCHEMAS[record["id"]][1]
        if record["error"] is None:
            whole += 1
            Draft202012Validator(schema).validate(json.loads(record["answer"]))
        else:
            assert record["error"]["code"] in ("reply_not_valid", "reply_cut_off")
    assert whole >= 15
    assert done.returncode == (0 if whole == len(records) else 12)


@pytest.mark.parametrize("name", NASTY)
def test_an_answer_fits_or_the_exit_status_says_so(model: str, name: str) -> None:
    question, schema = SCHEMAS[name]
    Path("schema.json").write_text(json.dumps(schema), "utf-8")
    done = oss("run", "-m", model, "--seed", "8", "--max-tokens", "90", "--schema", "schema.json", question)
    if done.returncode == 0:
        assert done.stderr == b""
        Draft202012Validator(schema).validate(json.loads(done.stdout))
    else:
        assert done.returncode in (10, 11)
        assert done.stderr.startswith(b"error: the ")


def test_reasoning_is_free_and_goes_elsewhere(tiny_gpt_oss: Path) -> None:
    run = ["run", "-m", str(tiny_gpt_oss), "--temperature", "0", "-e", "high", "-R"]
    free = oss(*run, "Say the word banana.")
    bound = oss(*run, "--schema", "word str", "Say the word banana.")
    assert (
        bound.stderr
        == free.stderr
        == b"The user wants the word banana. I should check what is needed. I will answer now.\n"
    )
    assert list(json.loads(bound.stdout)) == ["word"]


def test_a_line_end_in_a_string_is_escaped(model: str) -> None:
    schema = json.dumps({"type": "string", "pattern": '^[\n\t"\\\\]{6}$'})
    done = oss("run", "-m", model, "--seed", "1", "--temperature", "2", "--schema", schema, "Go on.")
    assert (done.stderr, done.returncode, done.stdout.count(b"\n")) == (b"", 0, 1)
    assert len(json.loads(done.stdout)) == 6
