"""A small model of random weights under gpt-oss's whole vocabulary: what 201,088 logits cost, without 12 GB of them."""

from pathlib import Path

import gguf
import numpy

from tests.vocabulary import add_gpt_oss_vocabulary

_TOKENS = 201_088
_LAYERS, _HEADS = 2, 8


def write_random_model(path: Path, width: int) -> None:
    """A llama of random weights: each matrix in Q8_0, the embedding used for the output as well."""
    random = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(_TOKENS)
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(width * 3)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(width // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    add_gpt_oss_vocabulary(writer)

    def add(name: str, rows: int, columns: int) -> None:
        weights = random.standard_normal((rows, columns), dtype=numpy.float32) / columns**0.5
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(weights, kind), raw_dtype=kind)

    add("token_embd", _TOKENS, width)
    writer.add_tensor("output_norm.weight", numpy.ones(width, dtype=numpy.float32))
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{name}.weight", numpy.ones(width, dtype=numpy.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}.{name}", width, width)
        for name in ("ffn_gate", "ffn_up"):
            add(f"{block}.{name}", width * 3, width)
        add(f"{block}.ffn_down", width, width * 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
