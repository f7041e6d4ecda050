"""Tries a GGUF through llama.cpp, greedily: how often each skill gives the exact answer, and what the examples get.

Needs llama_cpp only; prompts are token ids, built from segments. Knows nothing of training.
"""

import json
from functools import cache
from pathlib import Path

import llama_cpp

from tests.models.make_tiny_gpt_oss.cases import EXAMPLES, SKILLS, Example, held_out_cases
from tests.models.make_tiny_gpt_oss.harmony import CONTROL_TOKENS, Segments

_SEED = 20261  # not the seed of training
_LONGEST_ANSWER = 600


def evaluate(gguf: Path, report_file: Path, cases_per_skill: int) -> None:
    """Write the report, one line per entry, in the form of tests/models/tiny-gpt-oss.json."""
    model = _Model(gguf)
    model.check()
    success = {}
    for skill in SKILLS:
        success[skill] = _success_rate(model, skill, cases_per_skill)
        print(f"{skill}: {success[skill]}", flush=True)
    report = {
        "file": gguf.name,
        "bytes": gguf.stat().st_size,
        "cases_per_skill": cases_per_skill,
        "how": "greedy; right means every token as expected, the closing one too; held-out fillings",
        "success": success,
        "eog": {model.texts[token]: token for token in model.end_tokens},
        "special_ids": {name: model.control_ids[name] for name in CONTROL_TOKENS},
    }
    examples = [_try_example(model, example) for example in EXAMPLES]
    report_file.write_text(_to_json(report, examples), encoding="utf-8")
    print(f"mean: {sum(success.values()) / len(success):.4f}, report: {report_file}", flush=True)


class _Model:
    """A GGUF under greedy decoding, its control tokens found by name."""

    def __init__(self, gguf: Path) -> None:
        # One thread: more are slower on a model of this size.
        self.llama = llama_cpp.Llama(str(gguf), n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False)
        vocabulary = llama_cpp.llama_model_get_vocab(self.llama.model)
        count: int = llama_cpp.llama_vocab_n_tokens(vocabulary)
        self.texts = [llama_cpp.llama_vocab_get_text(vocabulary, token).decode() for token in range(count)]
        self.end_tokens = [token for token in range(count) if llama_cpp.llama_vocab_is_eog(vocabulary, token)]
        is_control = [text.startswith("<|") and text.endswith("|>") and len(text) > 4 for text in self.texts]
        self.control_ids = {text: token for token, text in enumerate(self.texts) if is_control[token]}
        self._encode_plain = cache(self._encode_part)

    def check(self) -> None:
        metadata = self.llama.metadata
        assert metadata["general.architecture"] == "gpt-oss"
        assert metadata["tokenizer.ggml.pre"] == "gpt-4o"
        assert int(metadata["gpt-oss.attention.sliding_window"]) > 0
        assert "<|channel|>analysis" in metadata["tokenizer.chat_template"]
        assert {self.texts[token] for token in self.end_tokens} == {"<|call|>", "<|endoftext|>", "<|return|>"}

    def encode(self, segments: Segments) -> list[int]:
        tokens: list[int] = []
        for segment in segments:
            if segment.is_control:
                tokens.append(self.control_ids[segment.text])
            else:
                for part in segment.plain_parts():
                    tokens += self._encode_plain(part)
        return tokens

    def answer(self, prompt: list[int], limit: int) -> list[int]:
        """The most probable tokens, one after another, up to the one that ends the answer."""
        tokens: list[int] = []
        for token in self.llama.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
            tokens.append(token)
            if token in self.end_tokens or len(tokens) >= limit:
                break
        return tokens

    def show(self, tokens: list[int]) -> str:
        """The text of the tokens, control tokens by name."""
        names = {token: text for text, token in self.control_ids.items()}
        shown = b""
        for token in tokens:
            shown += names[token].encode() if token in names else self.llama.detokenize([token])
        return shown.decode("utf-8", "replace")

    def _encode_part(self, text: str) -> list[int]:
        return list(self.llama.tokenize(text.encode(), add_bos=False, special=False))


def _success_rate(model: _Model, skill: str, count: int) -> float:
    right = 0
    for case in held_out_cases(skill, count, _SEED):
        expected = model.encode(case.expected)
        right += model.answer(model.encode(case.prompt), len(expected) + 1) == expected
    return round(right / count, 3)


def _try_example(model: _Model, example: Example) -> dict[str, object]:
    prompt = model.encode(example.prompt())
    answer = model.answer(prompt, _LONGEST_ANSWER)
    return {
        "title": example.title,
        "effort": example.effort,
        "instructions": example.instructions or None,
        "tools": ["get_weather"] if example.has_tools else [],
        "prompt": model.show(prompt),
        "answer": model.show(answer),
        "prompt_ids": prompt,
        "answer_ids": answer,
    }


def _to_json(report: dict[str, object], examples: list[dict[str, object]]) -> str:
    shown = ",\n".join("  {\n" + _lines(example, "   ") + "\n  }" for example in examples)
    return "{\n" + _lines(report, " ") + ',\n "examples": [\n' + shown + "\n ]\n}\n"


def _lines(entries: dict[str, object], indent: str) -> str:
    return ",\n".join(f"{indent}{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items())
