"""A GGUF file's header: its metadata, its tensors' sizes and the model's shape, without llama.cpp and without numpy.

Reads from a file or from any `read(offset, length)`, so that HTTP ranges serve as well. Knows nothing of the weights.
"""

from oss_cli.store.gguf.files import read_header, read_model, readable_shape, shard_paths
from oss_cli.store.gguf.header import GgufHeader, SkippedArray, TensorInfo, parse_header
from oss_cli.store.gguf.shape import shape

__all__ = [
    "GgufHeader",
    "SkippedArray",
    "TensorInfo",
    "parse_header",
    "read_header",
    "read_model",
    "readable_shape",
    "shape",
    "shard_paths",
]
