"""Small GGUF files for tests, written by the `gguf` package (llama.cpp's own)."""

from pathlib import Path

import gguf
import numpy

Q8_0 = gguf.GGMLQuantizationType.Q8_0
MXFP4 = gguf.GGMLQuantizationType.MXFP4


def write_gguf(path: Path, *, tokens: int = 300, tensors: bool = True, part: tuple[int, int] | None = None) -> Path:
    """A model of two layers with experts, or one part of it: (number from 0, parts)."""
    writer = gguf.GGUFWriter(str(path), "gpt-oss")
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_head_count([4, 2])
    writer.add_head_count_kv(2)
    writer.add_key_length(32)
    writer.add_value_length(16)
    writer.add_sliding_window(128)
    writer.add_expert_count(3)
    writer.add_expert_used_count(1)
    writer.add_token_list([f"token{number}" for number in range(tokens)])
    writer.add_token_scores([0.0] * tokens)
    if part:
        writer.add_uint16("split.no", part[0])
        writer.add_uint16("split.count", part[1])
    if tensors:
        _add_tensors(writer, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tensors(writer: "gguf.GGUFWriter", tokens: int) -> None:
    writer.add_tensor("token_embd.weight", numpy.zeros((tokens, 68), dtype=numpy.uint8), raw_dtype=Q8_0)
    writer.add_tensor("output.weight", numpy.zeros((tokens, 64), dtype=numpy.float16))
    writer.add_tensor("output_norm.weight", numpy.zeros(64, dtype=numpy.float32))
    for layer in range(2):
        writer.add_tensor(f"blk.{layer}.attn_q.weight", numpy.zeros((128, 68), dtype=numpy.uint8), raw_dtype=Q8_0)
        writer.add_tensor(f"blk.{layer}.ffn_gate_inp.weight", numpy.zeros((3, 64), dtype=numpy.float32))
        experts = numpy.zeros((3, 64, 34), dtype=numpy.uint8)
        writer.add_tensor(f"blk.{layer}.ffn_up_exps.weight", experts, raw_dtype=MXFP4)
        writer.add_tensor(f"blk.{layer}.ffn_up_exps.bias", numpy.zeros((3, 64), dtype=numpy.float32))
