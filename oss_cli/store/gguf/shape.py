"""A GGUF header → ModelShape. Knows how llama.cpp names tensors and keys; reads no file."""

import re
from math import isfinite

from oss_cli.errors import BadModelFile
from oss_cli.plan import ModelShape
from oss_cli.store.gguf.header import GgufHeader, SkippedArray, TensorInfo

# Every n-th layer sees the whole context, the others a window, where the file says the window but not the pattern.
# Source: llama.cpp, src/models/*.cpp (2026-10): gpt-oss was read there, the others are from memory. Architectures that
# are not named here have their window counted as none: the estimate is then too high, never too low.
_WINDOW_EVERY = {"gpt-oss": 2, "gemma2": 2, "gemma3": 6, "cohere2": 4}
# DeepSeek-V3 has 61, Llama 405B 126.
_LAYERS_LIMIT = 4096
_EMBEDDINGS = re.compile(r"(token_embd|position_embd|token_types|per_layer_token_embd)\.")
# The pattern with which llama.cpp's --n-cpu-moe keeps experts on the CPU: biases go with their matrices.
_EXPERTS = re.compile(r"blk\.\d+\.ffn_(up|down|gate|gate_up)_(ch|)exps")


def shape(header: GgufHeader) -> ModelShape:
    """What a memory estimate needs, from the header of a whole model (see `read_model` for split ones).

    Raises:
        BadModelFile: the header lacks a size, or says something impossible.
    """
    name = header.architecture
    if not name:
        raise BadModelFile(header.source, "cannot be used", cause="its header names no architecture")
    layers = _size(header, "block_count")
    if layers > _LAYERS_LIMIT:
        raise BadModelFile(header.source, "is damaged", cause=f"{name}.block_count is {layers:,}")
    hidden_size = _size(header, "embedding_length")
    heads = _most(header, "attention.head_count")
    default_head_size = hidden_size // heads
    key_size = header.whole(f"{name}.attention.key_length") or default_head_size
    value_size = header.whole(f"{name}.attention.value_length") or default_head_size
    sizes = dict.fromkeys(("embedding", "output", "dense", "expert", "other"), 0)
    for tensor in header.tensors:
        sizes[_kind(tensor)] += tensor.bytes
    window, pattern = _window(header, layers)
    return ModelShape(
        architecture=name,
        layers=layers,
        hidden_size=hidden_size,
        heads=heads,
        kv_heads=_most(header, "attention.head_count_kv", default=heads),
        head_size=max(key_size, value_size),
        vocabulary_tokens=_vocabulary_tokens(header),
        trained_context_tokens=_size(header, "context_length"),
        embedding_bytes=sizes["embedding"],
        output_bytes=sizes["output"],
        dense_bytes=sizes["dense"],
        expert_bytes=sizes["expert"],
        other_bytes=sizes["other"],
        experts=header.whole(f"{name}.expert_count") or 0,
        active_experts=header.whole(f"{name}.expert_used_count") or 0,
        feed_forward_size=_feed_forward_size(header),
        window_tokens=window,
        window_pattern=pattern,
    )


def _size(header: GgufHeader, key: str) -> int:
    value = header.whole(f"{header.architecture}.{key}")
    if not value:
        raise BadModelFile(header.source, "cannot be used", cause=f"its header lacks {header.architecture}.{key}")
    return value


def _most(header: GgufHeader, key: str, default: int = 0) -> int:
    """A number, or the largest where the file holds one for each layer."""
    value = header.metadata.get(f"{header.architecture}.{key}")
    if isinstance(value, tuple):
        return max((int(n) for n in value if isinstance(n, int | float) and isfinite(n) and n > 0), default=1)
    return default if default and not value else _size(header, key)


def _feed_forward_size(header: GgufHeader) -> int:
    """0 where the file does not say it, which costs the estimate some of its accuracy."""
    for key in ("expert_feed_forward_length", "feed_forward_length"):
        if header.metadata.get(f"{header.architecture}.{key}"):
            return _most(header, key)
    return 0


def _vocabulary_tokens(header: GgufHeader) -> int:
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, SkippedArray):
        return tokens.length
    if isinstance(tokens, tuple) and tokens:
        return len(tokens)
    embeddings = next((t for t in header.tensors if t.name == "token_embd.weight" and len(t.dimensions) == 2), None)
    return embeddings.dimensions[1] if embeddings else _size(header, "vocab_size")


def _kind(tensor: TensorInfo) -> str:
    if _EMBEDDINGS.match(tensor.name):
        return "embedding"
    if tensor.name in ("output.weight", "output.bias"):
        return "output"
    if _EXPERTS.match(tensor.name):
        return "expert"
    return "dense" if tensor.name.startswith("blk.") else "other"


def _window(header: GgufHeader, layers: int) -> tuple[int, tuple[bool, ...]]:
    window = header.whole(f"{header.architecture}.attention.sliding_window") or 0
    key = f"{header.architecture}.attention.sliding_window_pattern"
    pattern = header.metadata.get(key)
    if not window:
        return 0, ()
    if isinstance(pattern, tuple):
        flags = tuple(bool(flag) for flag in pattern[:layers])
        return (window, flags) if any(flags) else (0, ())
    every = header.whole(key) or _WINDOW_EVERY.get(header.architecture, 0)
    if every < 2:
        return 0, ()
    return window, (True,) * min(every - 1, layers) + (False,) * (every <= layers)
