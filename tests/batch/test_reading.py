"""Lines of JSONL → entries: both forms, and every way in which a line can be none."""

import json

import pytest

from oss_cli.batch.reading import read_jsonl, settle_ids
from oss_cli.batch.requests import Entry, Form, Problem, Request
from oss_cli.conversation.answer_form import SchemaForm
from oss_cli.conversation.messages import Message, Role, Tool, ToolCall, system_message, user_message
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.errors import BadUsage


def entry_of(line: object) -> Entry:
    """The one entry of a file that holds it in its first line."""
    data = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
    (entry,) = read_jsonl(data)
    return entry


def problem_of(line: object) -> str:
    request = entry_of(line).request
    assert isinstance(request, Problem)
    return f"{request.code}: {request.message}"


def openai(**body: object) -> dict[str, object]:
    """A line of OpenAI's batch format."""
    body = {"messages": [{"role": "user", "content": "Hi"}], **body}
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}


def test_the_short_form() -> None:
    line = {
        "id": 7, "prompt": "Hi", "system": "Be brief.", "effort": "low",
        "options": {"temperature": 0.5, "top_k": 3, "stop": "\\n", "seed": 4, "max_tokens": 9, "logit_bias": {"5": -2}},
    }  # fmt: skip
    sampling = SamplingOptions(temperature=0.5, top_k=3, stop=("\\n",), seed=4, max_tokens=9, logit_bias={5: -2.0})
    messages = (system_message("Be brief."), user_message("Hi"))
    assert entry_of(line) == Entry(7, 1, Form.SHORT, Request(messages, sampling, ReasoningEffort.LOW))


def test_the_openai_form() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "Hm."},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]
    line = openai(
        messages=messages, model="gpt-oss-20b", temperature=1, top_p=0.5, max_tokens=3, max_completion_tokens=9,
        stop=["a", "b"], seed=0, reasoning_effort="high", logit_bias={"7": 1.5}, tools=[tool], n=1, stream=False,
        user="u", metadata={"x": "y"}, frequency_penalty=0, response_format={"type": "text"}, presence_penalty=None,
    )  # fmt: skip
    wanted = Request(
        (
            Message(Role.DEVELOPER, "Be brief."),
            user_message("Hi"),
            Message(Role.ASSISTANT, "", "Hm.", (ToolCall("f", "{}", "c1"),)),
            Message(Role.TOOL, "42", tool_call_id="c1"),
        ),
        SamplingOptions(temperature=1, top_p=0.5, max_tokens=9, stop=("a", "b"), seed=0, logit_bias={7: 1.5}),
        ReasoningEffort.HIGH,
        (Tool("f", "d", {"type": "object"}),),
        "gpt-oss-20b",
    )
    assert entry_of(line) == Entry("a", 1, Form.OPENAI, wanted)


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.mark.parametrize(
    ("line", "form"),
    [
        (openai(response_format={"type": "json_object"}), SchemaForm({"type": "object"})),
        (
            openai(response_format={
                "type": "json_schema",
                "json_schema": {"name": "city", "description": "Where?", "schema": CITY, "strict": True},
            }),
            SchemaForm(CITY, "city", "Where?"),
        ),
        ({"prompt": "a", "schema": CITY}, SchemaForm(CITY)),
        ({"prompt": "a", "schema": "city"}, SchemaForm(CITY | {"additionalProperties": False})),
        (openai(response_format={"type": "text"}), None),
    ],
)  # fmt: skip
def test_a_request_may_say_what_its_answer_must_be_like(line: object, form: SchemaForm | None) -> None:
    request = entry_of(line).request
    assert isinstance(request, Request)
    assert request.form == form


def test_a_line_without_an_id_has_its_number_and_empty_lines_count() -> None:
    data = b'\xef\xbb\xbf\n{"prompt": "a"}\r\n  \n{"body": {"messages": [{"role": "user", "content": "b"}]}}'
    assert [(entry.id, entry.line, entry.form) for entry in read_jsonl(data)] == [(2, 2, "short"), (4, 4, "openai")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "invalid_json: it is not JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[1]", "invalid_json: it is not a JSON object"),
        (b'{"prompt": "\xff"}', "invalid_json: it is not UTF-8 text: invalid start byte"),
        ('{"prompt": "\\ud800"}', "invalid_json: it is not UTF-8 text: surrogates not allowed"),
        ("[" * 100_000, "invalid_json: it is nested too deep: 900 levels can be read"),
        ("9" * 10_000, "invalid_json: it is not JSON that can be read: a number is too long"),
        ({"id": True, "prompt": "a"}, "invalid_request: id: must be a text or a whole number"),
        ({"id": ""}, "invalid_request: id: must be a text or a whole number"),
        ({"id": "a"}, "invalid_request: prompt: is missing"),
        ({"prompt": 3}, "invalid_request: prompt: must be a text"),
        ({"prompt": "a", "effort": "none"}, "invalid_request: effort: must be one of low, medium, high"),
        ({"prompt": "a", "promt": 1, "x": 2}, "unsupported_field: promt, x: not supported"),
        ({"prompt": "a", "options": {"temp": 1}}, "unsupported_field: options.temp: not supported"),
        (
            {"prompt": "a", "options": {"temperature": "hot"}},
            "invalid_request: options.temperature: must be a number from 0 (always the likeliest token) to 100",
        ),
        (
            {"prompt": "a", "options": {"max_tokens": 0}},
            "invalid_request: options.max_tokens: must be a whole number from 1",
        ),
        (
            {"prompt": "a", "options": {"top_k": True}},
            "invalid_request: options.top_k: must be a whole number from 0 (keep all)",
        ),
        (
            {"prompt": "a", "options": {"stop": [""]}},
            "invalid_request: options.stop: must be a text or a list of texts, none of them empty",
        ),
        (
            {"prompt": "a", "options": {"logit_bias": {"x": 1}}},
            "invalid_request: options.logit_bias: must be an object of token ids and numbers",
        ),
        ({**openai(), "method": "GET"}, "invalid_request: method: must be POST"),
        ({**openai(), "url": "/v1/embeddings"}, "invalid_request: url: must be /v1/chat/completions"),
        ({"custom_id": "a"}, "invalid_request: body: must be an object"),
        ({**openai(), "priority": 1}, "unsupported_field: priority: not supported"),
        (openai(messages=[]), "invalid_request: body.messages: is missing"),
        (openai(messages=[{"content": "a"}]), "invalid_request: body.messages[0].role: is missing"),
        (openai(messages=[{"role": "user"}]), "invalid_request: body.messages[0].content: is missing"),
        (
            openai(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
            "unsupported_field: body.messages[0].content[0].type other than text: not supported",
        ),
        (
            openai(messages=[{"role": "user", "content": "a", "weight": 1}]),
            "unsupported_field: body.messages[0].weight: not supported",
        ),
        (
            openai(n=2, logprobs=True, top_logprobs=3, seeds=4),
            "unsupported_field: body.n, body.logprobs, body.top_logprobs, body.seeds: not supported",
        ),
        (
            openai(response_format={"type": "yaml"}),
            "unsupported_field: body.response_format.type other than text, json_object and json_schema: not supported",
        ),
        (
            openai(response_format={"type": "json_schema", "json_schema": {"schema": {"not": {}, "minItems": "x"}}}),
            "invalid_request: body.response_format.json_schema.schema: the schema is no JSON Schema: "
            "#/minItems: 'x' is not of type 'integer'",
        ),
        (
            openai(response_format={"type": "json_schema", "json_schema": {"schema": {"not": {}, "if": {}}}}),
            "invalid_request: body.response_format.json_schema.schema: the schema cannot be used: "
            "#: the keyword not is not supported; #: the keyword if is not supported",
        ),
        (
            openai(reasoning_effort="minimal"),
            "invalid_request: body.reasoning_effort: must be one of low, medium, high",
        ),
        (
            openai(tools=[{"type": "web_search"}]),
            "unsupported_field: body.tools[0].type other than function: not supported",
        ),
        (openai(seed=-1), "invalid_request: body.seed: must be a whole number from 0 to 4294967294"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_request_says_why(line: object, problem: str) -> None:
    assert problem_of(line) == problem


def test_ids_must_be_unique() -> None:
    lines = [{"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}, {"id": 3, "prompt": "z"}, {"id": "3"}]
    entries = read_jsonl("\n".join(map(json.dumps, lines)).encode())
    with pytest.raises(BadUsage) as caught:
        settle_ids(entries, "in.jsonl")
    assert (caught.value.message, caught.value.cause, caught.value.hint) == (
        "several requests in in.jsonl have the same id",
        "a: lines 1, 2\n3: lines 3, 4",
        "give each an id of its own; one without an id gets the number of its line",
    )


def test_a_line_whose_number_is_the_id_of_another_is_told_apart_from_it() -> None:
    """As in a file whose ids count from 0, where one bad line must not stop all others."""
    data = (
        b'{"id": 0, "prompt": "x"}\n{bad\n{"id": 2, "prompt": "x"}\n{"prompt": "x"}\n{"id": "4", "prompt": "x"}\n{bad'
    )
    assert [entry.id for entry in settle_ids(read_jsonl(data), "in.jsonl")] == [0, "line 2", 2, "line 4", "4", 6]


def test_a_line_that_cannot_be_read_gets_a_record_like_those_of_its_file() -> None:
    line = json.dumps(openai()).encode()
    assert [entry.form for entry in read_jsonl(b"{bad\n" + line + b"\n[1]")] == ["openai"] * 3
    assert [entry.form for entry in read_jsonl(b'{bad\n{"prompt": "x"}\n' + line)] == ["short", "short", "openai"]
