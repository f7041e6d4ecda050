"""`oss batch` through `main`, on the tiny gpt-oss."""

import json
import re
from pathlib import Path

import pytest

from tests.harness import Result, run_oss

LINES = [
    {"id": "a", "prompt": "Say the word banana."},
    {"id": "b", "prompt": "Count to 12.", "effort": "low", "options": {"seed": 5}},
    {"prompt": "Hello!", "system": "Always end with the word kiwi."},
]


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city name"}},
    "required": ["city"],
}


@pytest.fixture
def tiny(tiny_gpt_oss: Path) -> list[str]:
    return ["-m", str(tiny_gpt_oss), "--temperature", "0", "--seed", "1"]


def write(path: str, *lines: object) -> str:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path(path).write_text("\n".join(texts) + "\n", "utf-8")
    return path


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def summary(result: Result) -> str:
    """What standard error says, without what a clock decides."""
    return re.sub(r"in [\d.,]+ s, [\d.,]+ tokens/s", "in S s, V tokens/s", result.stderr)


def test_the_short_form_record_by_record(tiny: list[str]) -> None:
    result = run_oss("batch", write("in.jsonl", *LINES), "--ordered", "--parallel", "1", *tiny)
    assert result.stdout == (
        '{"answer": "banana", "error": null, "id": "a", "reasoning": "The user wants the word banana.", "seed": 1, '
        '"stop_reason": "end", "usage": {"prompt_tokens": 79, "reasoning_tokens": 11, "reply_tokens": 25, '
        '"reused_tokens": 0}}\n'
        '{"answer": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", "error": null, "id": "b", "reasoning": "", "seed": 5, '
        '"stop_reason": "end", "usage": {"prompt_tokens": 76, "reasoning_tokens": 0, "reply_tokens": 38, '
        '"reused_tokens": 42}}\n'
        '{"answer": "Hello! How can I help you? kiwi", "error": null, "id": 3, '
        '"reasoning": "The user says hello.", "seed": 1, "stop_reason": "end", "usage": '
        '{"prompt_tokens": 90, "reasoning_tokens": 6, "reply_tokens": 29, "reused_tokens": 42}}\n'
    )
    assert (summary(result), result.status) == ("3 requests: 3 answered, 0 failed; 92 tokens in S s, V tokens/s\n", 0)


def test_the_openai_form_the_whole_record(tiny: list[str]) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Say the word banana."}], "max_tokens": 60}
    line = {"custom_id": "x-1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    result = run_oss("batch", write("in.jsonl", line), *tiny)
    (record,) = records(result.stdout)
    created = record["response"]["body"].pop("created")  # type: ignore[index]  # JSON
    assert isinstance(created, int) and created > 1_700_000_000
    name = str(record["id"]).removeprefix("batch_req_")
    assert re.fullmatch("[0-9a-f]{24}", name)
    assert record == {
        "id": f"batch_req_{name}",
        "custom_id": "x-1",
        "response": {
            "status_code": 200,
            "request_id": f"req_{name}",
            "body": {
                "id": f"chatcmpl-{name}",
                "object": "chat.completion",
                "model": "tiny-gpt-oss",
                "seed": 1,
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "role": "assistant",
                            "content": "banana",
                            "refusal": None,
                            "reasoning_content": "The user wants the word banana.",
                        },
                        "finish_reason": "stop",
                        "logprobs": None,
                    }
                ],
                "usage": {
                    "prompt_tokens": 79,
                    "completion_tokens": 25,
                    "total_tokens": 104,
                    "prompt_tokens_details": {"cached_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 11},
                },
            },
        },
        "error": None,
    }
    assert summary(result).startswith(
        "tiny-gpt-oss answers all requests, those that ask for tiny (1) as well\n1 request: "
    )


def test_a_tool_call_and_a_cut_off_reply_in_the_openai_form(tiny: list[str]) -> None:
    tool = {"name": "get_weather", "description": "Get the current weather for a city.", "parameters": PARAMETERS}
    call = {
        "messages": [{"role": "user", "content": "What is the weather in Lisbon?"}],
        "tools": [{"type": "function", "function": tool}],
        "reasoning_effort": "low",
    }
    short = {"messages": [{"role": "user", "content": "Count to 12."}], "max_completion_tokens": 5}
    lines = [{"custom_id": name, "body": body} for name, body in (("call", call), ("short", short))]
    result = run_oss("batch", write("in.jsonl", *lines), "--ordered", *tiny)
    called, cut = (record["response"]["body"]["choices"][0] for record in records(result.stdout))  # type: ignore[index]
    assert called["finish_reason"] == "tool_calls"
    assert called["message"]["content"] is None
    (made,) = called["message"]["tool_calls"]
    assert made["function"] == {"name": "get_weather", "arguments": '{"city":"Lisbon"}'}
    assert made["id"].startswith("call_")
    assert (cut["finish_reason"], cut["message"]["content"]) == ("length", "")
    assert records(result.stdout)[1]["error"] == {
        "code": "reply_cut_off",
        "message": "the reply ended before an answer began: the tokens it may have ran out",
    }
    assert result.status == 12


def test_answers_are_held_to_the_form_of_their_request_else_to_that_of_the_command_line(tiny: list[str]) -> None:
    asked = "Answer in JSON: city Lisbon, number 42."
    tool = {"type": "function", "function": {"name": "f"}}
    source = write(
        "in.jsonl",
        {"id": "a", "prompt": asked},
        {"id": "b", "prompt": asked, "schema": "n int"},
        {"id": "c", "prompt": asked, "schema": {"const": "x"}, "options": {"max_tokens": 3}},
        {"id": "d", "prompt": asked, "schema": {"not": {}}},
        {"id": "e", "prompt": asked, "schema": {"type": "array", "items": {"const": 1}, "uniqueItems": True,
                                                "minItems": 2, "maxItems": 2}},
        {"custom_id": "f", "body": {"messages": [{"role": "user", "content": asked}], "tools": [tool]}},
    )  # fmt: skip
    result = run_oss("batch", source, "--ordered", "--schema", "city, n int", "-e", "low", *tiny)
    told = records(result.stdout)
    answers = [one.get("answer") for one in told]
    assert [*answers[:1], *answers[2:]] == ['{"city":"Lisbon","n":42}', "", None, "[ 1, 1 ]", None]
    assert json.loads(str(answers[1])) == {"n": 42}
    problems = [one["error"] for one in told]
    assert problems == [
        None,
        None,
        {"code": "reply_cut_off", "message": "the reply ended before an answer began: the tokens it may have ran out"},
        {"code": "invalid_request",
         "message": "schema: the schema cannot be used: #: the keyword not is not supported"},
        {"code": "reply_not_valid",
         "message": "the answer does not fit the schema: #: [1, 1] has non-unique elements"},
        {"code": "invalid_request",
         "message": "tools: they go with no form of the answer, because a call of a tool has another one"},
    ]  # fmt: skip
    assert result.status == 12


def test_a_batch_with_another_form_is_another_batch(tiny: list[str]) -> None:
    command = ["batch", write("in.jsonl", LINES[0]), "-o", "out.jsonl", "--quiet", *tiny]
    assert run_oss(*command, "--schema", "word").status == 0
    assert run_oss(*command, "--schema", "word").status == 0
    other = run_oss(*command, "--schema", "words")
    assert (other.status, "schema" in other.stderr) == (2, True)


def test_a_bad_line_becomes_an_error_record_and_the_rest_goes_on(tiny: list[str]) -> None:
    bad = {"custom_id": "o", "body": {"messages": [{"role": "user", "content": "Hi"}], "n": 3}}
    result = run_oss(
        "batch", write("in.jsonl", LINES[0], "{nonsense", bad, {"id": "e", "prompt": " "}), "--ordered", *tiny
    )
    assert result.stdout.splitlines()[1:] == [
        '{"answer": null, "error": {"code": "invalid_json", "message": "it is not JSON: Expecting property name '
        'enclosed in double quotes at character 2"}, "id": 2, "reasoning": null, "seed": null, "stop_reason": null, '
        '"usage": null}',
        '{"custom_id": "o", "error": {"code": "unsupported_field", "message": "body.n: not supported"}, '
        f'"id": "{records(result.stdout)[2]["id"]}", "response": null}}',
        '{"answer": null, "error": {"code": "invalid_request", "message": "the prompt is empty"}, "id": "e", '
        '"reasoning": null, "seed": null, "stop_reason": null, "usage": null}',
    ]
    assert (summary(result), result.status) == ("4 requests: 1 answered, 3 failed; 25 tokens in S s, V tokens/s\n", 12)


def test_a_table_and_a_template(tiny: list[str]) -> None:
    Path("words.csv").write_text("\ufeffid,word\r\nx,banana\r\ny,apple\r\n", "utf-8")
    result = run_oss("batch", "words.csv", "--prompt-template", "Say the word {word}.", "-q", *tiny)
    assert {record["id"]: record["answer"] for record in records(result.stdout)} == {"x": "banana", "y": "apple"}
    assert (result.stderr, result.status) == ("", 0)


def test_standard_input_and_standard_output_by_their_dashes(tiny: list[str]) -> None:
    lines = "".join(json.dumps(line) + "\n" for line in LINES)
    result = run_oss("batch", "-", "-o", "-", *tiny, stdin=lines)
    assert {record["id"] for record in records(result.stdout)} == {"a", "b", 3}
    again = run_oss(
        "batch", "-", "--prompt-template", "Say the word {w}.", "-o", "out.jsonl", *tiny, stdin="w\nbanana\n"
    )
    assert (again.stdout, again.status) == ("", 0)
    assert [record["answer"] for record in records(Path("out.jsonl").read_text("utf-8"))] == ["banana"]


@pytest.mark.slow
def test_a_reply_that_does_not_end_is_cut_off(tiny_gpt_oss: Path) -> None:
    write("in.jsonl", {"id": "a", "prompt": "Tell a long story about a dragon.", "effort": "low"})
    result = run_oss("batch", "in.jsonl", "-m", str(tiny_gpt_oss), "--temperature", "0")
    (record,) = records(result.stdout)
    usage = record["usage"]
    assert isinstance(usage, dict)
    assert (record["stop_reason"], record["error"], usage["reply_tokens"], result.status) == (
        "max_tokens",
        None,
        8192,
        0,
    )


def test_what_is_done_is_not_done_again_and_a_torn_line_is(tiny: list[str]) -> None:
    command = ["batch", write("in.jsonl", *LINES, "bad"), "-o", "out.jsonl", "--ordered", *tiny]
    assert run_oss(*command).status == 12
    whole = Path("out.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    marked = lines[0].replace(b"banana", b"BANANA")  # were it made again, it would be right again
    Path("out.jsonl").write_bytes(marked + lines[1][:-20])
    result = run_oss(*command)
    assert (result.stdout, summary(result), result.status) == (
        "",
        "4 requests, 1 of them done before: 3 answered, 1 failed; 67 tokens in S s, V tokens/s\n",
        12,
    )
    made = Path("out.jsonl").read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["id"] for line in made] == ["a", "b", 3, 4]
    assert made[0] == marked
    done = run_oss(*command)
    assert (done.stderr, done.status) == ("4 requests, all of them done before: 3 answered, 1 failed\n", 12)


def test_another_batch_is_never_mixed_in(tiny: list[str]) -> None:
    write("in.jsonl", *LINES)
    command = ["batch", "in.jsonl", "-o", "out.jsonl"]
    assert run_oss(*command, *tiny).status == 0
    before = Path("out.jsonl").read_bytes()
    other = run_oss(*command, *tiny, "-e", "low", "--ordered", "--max-tokens", "9")
    assert (other.stdout, other.status) == ("", 2)
    assert other.stderr == (
        "error: out.jsonl belongs to another batch\n"
        '  effort was not set, is "low"\n'
        '  options was {"seed": 1, "temperature": 0.0}, is {"max_tokens": 9, "seed": 1, "temperature": 0.0}\n'
        "  ordered was false, is true\n"
        "hint: take another file, or throw away what is there: --restart\n"
    )
    write("in.jsonl", *LINES[:2])
    changed = run_oss(*command, *tiny)
    assert re.fullmatch(
        r"error: out.jsonl belongs to another batch\n"
        r'  input_sha256 was "[0-9a-f]{64}", is "[0-9a-f]{64}"\n'
        r"hint: take another file, or throw away what is there: --restart\n",
        changed.stderr,
    )
    assert Path("out.jsonl").read_bytes() == before
    assert run_oss(*command, *tiny, "--restart").status == 0
    assert len(Path("out.jsonl").read_bytes().splitlines()) == 2


def test_a_file_of_something_else_is_left_alone(tiny: list[str]) -> None:
    write("in.jsonl", *LINES)
    Path("out.jsonl").write_text("my thesis\n", "utf-8")
    result = run_oss("batch", "in.jsonl", "-o", "out.jsonl", *tiny)
    assert (result.stderr, result.status) == (
        "error: out.jsonl is there already\n"
        "  out.jsonl.state, which would say what its records belong to, is not beside it or not ours\n"
        "hint: take another file, or throw away what is there: --restart\n",
        2,
    )
    assert Path("out.jsonl").read_text("utf-8") == "my thesis\n"
    Path("out.jsonl").unlink()
    assert run_oss("batch", "in.jsonl", "-o", "out.jsonl", *tiny).status == 0
    with Path("out.jsonl").open("a") as file:
        file.write("my thesis\n")
    damaged = run_oss("batch", "in.jsonl", "-o", "out.jsonl", *tiny)
    assert (damaged.stderr, damaged.status) == (
        "error: out.jsonl cannot be gone on with\n"
        "  line 4 is not a record of a batch\n"
        "hint: take another file, or throw away what is there: --restart\n",
        2,
    )


REFUSALS = [
    (
        ["batch", "none.jsonl"],
        "error: none.jsonl cannot be read\n  No such file or directory\n",
    ),
    (
        ["batch", "in.jsonl", "-o", "in.jsonl"],
        "error: the input and the output are the same file\n  in.jsonl\nhint: take another file: -o OUT\n",
    ),
    (
        ["batch", "in.jsonl", "--restart"],
        "error: --restart goes with -o\nhint: oss batch in.jsonl -o OUT.jsonl --restart\n",
    ),
    (
        ["batch", "words.csv"],
        "error: words.csv is a table, and there is no prompt\n  its rows have to be put in one\n"
        "hint: oss batch words.csv --prompt-template 'Translate {text}'\n",
    ),
    (
        ["batch", "in.jsonl", "--prompt-template", "{a}"],
        "error: --prompt-template goes with CSV\n  in.jsonl has prompts of its own\n",
    ),
    (
        ["batch", "-"],
        "error: there are no requests in standard input\n"
        'hint: a line is {"id": "a", "prompt": "Why is the sky blue?"}\n',
    ),
    (
        ["batch", "two.jsonl"],
        "error: the requests ask for several models\n  a, b\n"
        "hint: oss batch two.jsonl -m MODEL lets one model answer them all\n",
    ),
    (
        ["batch", "in.jsonl", "-o", "no/folder/out.jsonl"],
        "error: no/folder/out.jsonl.state.new cannot be written\n  No such file or directory\n",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "text"), REFUSALS, ids=[" ".join(command) for command, _ in REFUSALS])
def test_what_cannot_be_begun_is_refused(command: list[str], text: str) -> None:
    write("in.jsonl", *LINES)
    write("words.csv", "text", "a")
    write(
        "two.jsonl",
        *({"custom_id": one, "body": {"model": one, "messages": [{"role": "user", "content": "Hi"}]}} for one in "ab"),
    )
    result = run_oss(*command)
    assert (result.stdout, result.stderr) == ("", text)
    assert result.status in (2, 9)


def test_requests_choose_the_model_when_nobody_else_does() -> None:
    body = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
    result = run_oss("batch", write("in.jsonl", {"custom_id": "a", "body": body}))
    assert records(result.stdout)[0]["response"]["body"]["model"] == "smollm2-135m"  # type: ignore[index]
    body["model"] = "gpt-4o-mini"
    unknown = run_oss("batch", write("in.jsonl", {"custom_id": "a", "body": body}))
    assert (unknown.stdout, unknown.status) == ("", 3)
    assert unknown.stderr.splitlines()[0] == "error: no model is called 'gpt-4o-mini'"
    assert unknown.stderr.splitlines()[-1] == "hint: oss batch in.jsonl -m MODEL lets one model answer them all"
