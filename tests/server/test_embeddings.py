"""Vectors through OpenAI's own client: of SmolLM2 with a header that names a pooling, and of models that name none."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import gguf
import openai
import pytest

from tests.server.serving import Server, serving


@pytest.fixture(scope="module")
def vectors(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """SmolLM2 as if it were made for vectors: the mean of its tokens'."""
    folder = tmp_path_factory.mktemp("vectors")
    path = folder / "smollm2-mean.gguf"
    reader = gguf.GGUFReader(smollm2)
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        subtype = field.types[-1] if kind is gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, subtype)
    writer.add_uint32("llama.pooling_type", 1)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_shape=tensor.data.shape, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with serving(path, folder, "--parallel", "2", "--ctx", "512") as server:
        yield server


def similarity(first: list[float], second: list[float]) -> float:
    return sum(one * other for one, other in zip(first, second, strict=True))


def test_texts_become_vectors_of_length_one(vectors: Server) -> None:
    texts = ["The cat sleeps on the sofa.", "A kitten is asleep on the couch.", "Interest rates rose by one percent."]
    with vectors.client() as client:
        answer = client.embeddings.create(model="smollm2-mean", input=texts)
        floats = client.embeddings.create(model="smollm2-mean", input=texts, encoding_format="float")
    cat, kitten, rates = (item.embedding for item in answer.data)
    assert len(cat) == 576
    assert math.isclose(similarity(cat, cat), 1, abs_tol=1e-5)
    assert similarity(cat, kitten) > similarity(cat, rates)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 15
    assert all(math.isclose(one, other, abs_tol=1e-6) for one, other in zip(cat, floats.data[0].embedding, strict=True))


@pytest.mark.slow
def test_a_long_text_is_read_whole_and_one_that_is_too_long_refused(vectors: Server) -> None:
    status, _, text = vectors.ask("POST", "/v1/embeddings", {"input": "one two three " * 300})
    assert status == 200 and json.loads(text)["usage"]["total_tokens"] > 512
    for longer in ("one two three " * 20_000, "x" * 2_000_000):
        status, error = vectors.error("/v1/embeddings", {"input": longer})
        assert (status, error["code"]) == (400, "context_length_exceeded")


def test_a_model_for_vectors_does_not_answer(vectors: Server) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    status, error = vectors.error("/v1/chat/completions", body)
    assert (status, error["message"]) == (400, "smollm2-mean makes embeddings, and does not answer.")


def test_a_model_for_answers_makes_no_vectors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="tiny-gpt-oss answers; it is not made for embeddings"):
        client.embeddings.create(model="tiny-gpt-oss", input="Hi")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "input: must be a text or a list of up to 2048 texts"),
        ({"input": []}, "input: must be a text or a list of up to 2048 texts"),
        ({"input": ["a", ""]}, "input: must not be empty"),
        ({"input": [[1, 2]]}, "input other than texts: not supported"),
        ({"input": "a", "dimensions": 12}, "dimensions: can only be 576"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format: must be float or base64"),
    ],
)
def test_what_cannot_be_done_is_refused(vectors: Server, body: object, problem: str) -> None:
    status, error = vectors.error("/v1/embeddings", body)
    assert (status, error["message"]) == (400, problem)
