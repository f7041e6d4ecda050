"""Write a gpt-oss GGUF of real shapes and random weights: speed and memory are the real model's, its words are noise.

24 layers and 32 experts give gpt-oss-20b to 0.1 % of its size (12.1 GB); 4 layers 3.0 GB; 36 layers and 128 experts
gpt-oss-120b. Takes a minute, 2 GB of memory, and the file's size on the disk. The same weights each time.

usage: python -m tests.bench.random_gpt_oss OUT.gguf [--layers N] [--experts N]
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, RopeScalingType

from tests.vocabulary import add_gpt_oss_vocabulary

HIDDEN, HEADS, KV_HEADS, HEAD_SIZE, FEED_FORWARD, VOCABULARY = 2880, 64, 8, 64, 2880, 201_088
ACTIVE_EXPERTS, WINDOW = 4, 128
WEIGHTS_PER_BLOCK = 32
"""Of both kinds of block."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.random_gpt_oss", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--experts", type=int, default=32)
    arguments = parser.parse_args()
    write_model(arguments.out, layers=arguments.layers, experts=arguments.experts)


def write_model(path: Path, *, layers: int, experts: int) -> None:
    """Write the model under another name first: a file of that name is whole."""
    draft = path.with_name(f"{path.name}.part")
    writer = gguf.GGUFWriter(draft, "gpt-oss")
    _add_shape(writer, layers, experts)
    add_gpt_oss_vocabulary(writer)
    _Weights(writer, experts).add(layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(path)


def _add_shape(writer: gguf.GGUFWriter, layers: int, experts: int) -> None:
    writer.add_name("gpt-oss of random weights")
    writer.add_context_length(131_072)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_SIZE)
    writer.add_value_length(HEAD_SIZE)
    writer.add_rope_freq_base(150_000.0)
    writer.add_rope_scaling_type(RopeScalingType.YARN)
    writer.add_rope_scaling_factor(32.0)
    writer.add_rope_scaling_orig_ctx_len(4096)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_expert_count(experts)
    writer.add_expert_used_count(ACTIVE_EXPERTS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_expert_feed_forward_length(FEED_FORWARD)
    writer.add_sliding_window(WINDOW)
    writer.add_vocab_size(VOCABULARY)


_Blocks = npt.NDArray[np.uint8]
"""Quantised weights, a block a row."""


class _Weights:
    """The tensors. Quantised ones are pieces of two pools of random blocks, so that memory holds them once."""

    def __init__(self, writer: gguf.GGUFWriter, experts: int) -> None:
        self._writer = writer
        self._experts = experts
        self._random = np.random.default_rng(0)
        self._q8_0 = self._pool(VOCABULARY * HIDDEN, block_bytes=34)
        self._q8_0[:, :2] = np.full(len(self._q8_0), 0.0006, np.float16).view(np.uint8).reshape(-1, 2)  # the scale
        self._mxfp4 = self._pool(experts * FEED_FORWARD * HIDDEN, block_bytes=17)
        self._mxfp4[:, 0] = 118  # the exponent

    def add(self, layers: int) -> None:
        """All of them, under llama.cpp's names."""
        self._add_q8_0("token_embd.weight", VOCABULARY, HIDDEN)
        self._add_ones("output_norm.weight", HIDDEN)
        self._add_q8_0("output.weight", VOCABULARY, HIDDEN)
        for layer in range(layers):
            self._add_attention(f"blk.{layer}")
            self._add_experts(f"blk.{layer}")

    def _add_attention(self, layer: str) -> None:
        self._add_ones(f"{layer}.attn_norm.weight", HIDDEN)
        self._add_ones(f"{layer}.post_attention_norm.weight", HIDDEN)
        for part, heads in (("q", HEADS), ("k", KV_HEADS), ("v", KV_HEADS)):
            self._add_q8_0(f"{layer}.attn_{part}.weight", heads * HEAD_SIZE, HIDDEN)
            self._add_f32(f"{layer}.attn_{part}.bias", heads * HEAD_SIZE)
        self._add_q8_0(f"{layer}.attn_output.weight", HIDDEN, HEADS * HEAD_SIZE)
        self._add_f32(f"{layer}.attn_output.bias", HIDDEN)
        self._add_f32(f"{layer}.attn_sinks.weight", HEADS)

    def _add_experts(self, layer: str) -> None:
        self._add_f32(f"{layer}.ffn_gate_inp.weight", self._experts, HIDDEN)
        self._add_f32(f"{layer}.ffn_gate_inp.bias", self._experts)
        for part, rows, columns in (
            ("gate", FEED_FORWARD, HIDDEN),
            ("up", FEED_FORWARD, HIDDEN),
            ("down", HIDDEN, FEED_FORWARD),
        ):
            blocks = self._piece(self._mxfp4, self._experts * rows * columns)
            data = blocks.reshape(self._experts, rows, -1)
            self._writer.add_tensor(f"{layer}.ffn_{part}_exps.weight", data, raw_dtype=GGMLQuantizationType.MXFP4)
            self._add_f32(f"{layer}.ffn_{part}_exps.bias", self._experts, rows)

    def _add_q8_0(self, name: str, rows: int, columns: int) -> None:
        data = self._piece(self._q8_0, rows * columns).reshape(rows, -1)
        self._writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType.Q8_0)

    def _add_f32(self, name: str, *shape: int) -> None:
        self._writer.add_tensor(name, (self._random.standard_normal(shape) * 0.02).astype(np.float32))

    def _add_ones(self, name: str, size: int) -> None:
        self._writer.add_tensor(name, np.ones(size, np.float32))

    def _pool(self, weights: int, *, block_bytes: int) -> _Blocks:
        """Blocks for a tensor of that many weights, and a million more to begin elsewhere."""
        blocks = self._random.integers(0, 256, size=(1 << 20, block_bytes), dtype=np.uint8)
        return np.resize(blocks, (weights // WEIGHTS_PER_BLOCK + (1 << 20), block_bytes))

    def _piece(self, pool: _Blocks, weights: int) -> _Blocks:
        start = int(self._random.integers(0, 1 << 20))
        return pool[start : start + weights // WEIGHTS_PER_BLOCK]


if __name__ == "__main__":
    main()
