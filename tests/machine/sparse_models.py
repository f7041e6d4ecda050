"""GGUF files with real models' shapes and no weights: sparse files whose headers llama.cpp takes for the real thing.

Their vocabulary is only a count, so a header is a few kilobytes and is read in milliseconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np

Type = gguf.GGMLQuantizationType
TensorType: TypeAlias = Any
"""One of `Type`; the gguf package has no types of its own."""


@dataclass(frozen=True)
class Sizes:
    """What a model's tensors follow from."""

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    experts: int = 0
    active_experts: int = 0
    window: int = 0
    has_output: bool = True
    weights: TensorType = Type.Q4_K


GPT_OSS_20B = Sizes(
    "gpt-oss", 24, 2880, 64, 8, 64, 2880, 201_088, 131_072, experts=32, active_experts=4, window=128, weights=Type.Q8_0
)
LLAMA_8B = Sizes("llama", 32, 4096, 32, 8, 128, 14_336, 128_256, 131_072)
LLAMA_1B = Sizes("llama", 16, 2048, 32, 8, 64, 8192, 128_256, 131_072, has_output=False)
QWEN_4B = Sizes("qwen3", 36, 2560, 32, 8, 128, 9728, 151_936, 40_960, has_output=False)
QWEN_30B = Sizes("qwen3moe", 48, 2048, 32, 4, 128, 768, 151_936, 40_960, experts=128, active_experts=8)
GEMMA_1B = Sizes("gemma3", 26, 1152, 4, 1, 256, 6912, 262_144, 32_768, window=512, has_output=False, weights=Type.Q8_0)
GEMMA_12B = Sizes("gemma3", 48, 3840, 16, 8, 256, 15_360, 262_208, 131_072, window=1024, has_output=False)


def write_sparse_model(path: Path, sizes: Sizes) -> Path:
    """A GGUF of these sizes whose weights are holes; takes up a few kilobytes."""
    writer = _Writer(path, sizes)
    writer.add("token_embd.weight", sizes.vocabulary, sizes.hidden)
    writer.add("output_norm.weight", sizes.hidden)
    if sizes.has_output:
        writer.add("output.weight", sizes.vocabulary, sizes.hidden)
    for number in range(sizes.layers):
        _add_attention(writer, f"blk.{number}.", sizes)
        _add_feed_forward(writer, f"blk.{number}.", sizes)
    writer.finish()
    return path


def _add_attention(writer: "_Writer", layer: str, sizes: Sizes) -> None:
    writer.add(layer + "attn_norm.weight", sizes.hidden)
    is_gpt_oss = sizes.architecture == "gpt-oss"
    for part, heads in (("q", sizes.heads), ("k", sizes.kv_heads), ("v", sizes.kv_heads)):
        writer.add(f"{layer}attn_{part}.weight", heads * sizes.head_size, sizes.hidden)
        if is_gpt_oss:
            writer.add(f"{layer}attn_{part}.bias", heads * sizes.head_size)
    writer.add(layer + "attn_output.weight", sizes.hidden, sizes.heads * sizes.head_size)
    if is_gpt_oss:
        writer.add(layer + "attn_output.bias", sizes.hidden)
        writer.add(layer + "attn_sinks.weight", sizes.heads)
    if sizes.architecture in ("qwen3", "qwen3moe", "gemma3"):
        writer.add(layer + "attn_q_norm.weight", sizes.head_size)
        writer.add(layer + "attn_k_norm.weight", sizes.head_size)
    if sizes.architecture in ("gpt-oss", "gemma3"):
        writer.add(layer + "post_attention_norm.weight", sizes.hidden)


def _add_feed_forward(writer: "_Writer", layer: str, sizes: Sizes) -> None:
    is_gpt_oss = sizes.architecture == "gpt-oss"
    if not is_gpt_oss:
        writer.add(layer + "ffn_norm.weight", sizes.hidden)
    if sizes.architecture == "gemma3":
        writer.add(layer + "post_ffw_norm.weight", sizes.hidden)
    parts = (("gate", sizes.feed_forward, sizes.hidden), ("up", sizes.feed_forward, sizes.hidden))
    for part, rows, columns in (*parts, ("down", sizes.hidden, sizes.feed_forward)):
        if not sizes.experts:
            writer.add(f"{layer}ffn_{part}.weight", rows, columns)
            continue
        kind = Type.MXFP4 if is_gpt_oss else sizes.weights
        writer.add(f"{layer}ffn_{part}_exps.weight", sizes.experts, rows, columns, kind=kind)
        if is_gpt_oss:
            writer.add(f"{layer}ffn_{part}_exps.bias", sizes.experts, rows)
    if sizes.experts:
        writer.add(layer + "ffn_gate_inp.weight", sizes.experts, sizes.hidden, kind=Type.F32)
        if is_gpt_oss:
            writer.add(layer + "ffn_gate_inp.bias", sizes.experts)


class _Writer:
    """A gguf.GGUFWriter that leaves the weights out."""

    def __init__(self, path: Path, sizes: Sizes) -> None:
        self._path = path
        self._weights = sizes.weights
        self._bytes = 0
        self._writer = gguf.GGUFWriter(path, sizes.architecture)
        _write_metadata(self._writer, sizes)

    def add(self, name: str, *shape: int, kind: TensorType = None) -> None:
        """One tensor; a matrix has the model's type of weights, a vector or a bias F32."""
        is_matrix = len(shape) > 1 and not name.endswith("bias")
        chosen = kind or (self._weights if is_matrix else Type.F32)
        block, block_bytes = gguf.GGML_QUANT_SIZES[chosen]
        size = int(np.prod(shape, dtype=np.int64)) // block * block_bytes
        self._writer.add_tensor_info(name, list(shape), np.dtype(np.float32), size, raw_dtype=chosen)
        self._bytes += gguf.GGUFWriter.ggml_pad(size, 32)

    def finish(self) -> None:
        self._writer.write_header_to_file()
        self._writer.write_kv_data_to_file()
        self._writer.write_ti_data_to_file()
        self._writer.close()
        end = gguf.GGUFWriter.ggml_pad(self._path.stat().st_size, 32) + self._bytes
        with self._path.open("r+b") as file:
            file.truncate(end)


def _write_metadata(writer: gguf.GGUFWriter, sizes: Sizes) -> None:
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.hidden)
    writer.add_block_count(sizes.layers)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_key_length(sizes.head_size)
    writer.add_value_length(sizes.head_size)
    writer.add_rope_dimension_count(sizes.head_size)
    writer.add_rope_freq_base(150_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_feed_forward_length(sizes.feed_forward)
    if sizes.experts:
        writer.add_expert_count(sizes.experts)
        writer.add_expert_used_count(sizes.active_experts)
        writer.add_expert_feed_forward_length(sizes.feed_forward)
    if sizes.window:
        writer.add_sliding_window(sizes.window)
    writer.add_vocab_size(sizes.vocabulary)
    writer.add_tokenizer_model("none")
