"""Turns OUT/hf into a GGUF with llama.cpp's own converter, and its experts into MXFP4 with llama.cpp's quantizer.

The chat template is the real gpt-oss's, out of llama.cpp's tree. Knows nothing of training.
"""

import importlib
import sys
from pathlib import Path

_F16_NAME = "tiny-gpt-oss-f16.gguf"
_LAYERS = 4


def convert(out: Path, llama_cpp_source: Path) -> None:
    """Write OUT/tiny-gpt-oss-f16.gguf."""
    template = llama_cpp_source / "models" / "templates" / "openai-gpt-oss-120b.jinja"
    (out / "hf" / "chat_template.jinja").write_bytes(template.read_bytes())
    sys.path[:0] = [str(llama_cpp_source.resolve()), str(llama_cpp_source.resolve() / "gguf-py")]
    # Imported by name: these modules exist only inside llama.cpp's tree.
    converter = importlib.import_module("convert_hf_to_gguf")
    base = importlib.import_module("conversion.base")
    # The converter knows a tokenizer's split by a hash, and has the hashes of published tokenizers only.
    base.TextModel.get_vocab_base_pre = lambda *_: "gpt-4o"
    options = ["--outfile", str(out / _F16_NAME), "--outtype", "f16", "--model-name", "tiny-gpt-oss"]
    arguments, sys.argv = sys.argv, ["convert_hf_to_gguf.py", str(out / "hf"), *options]
    converter.main()
    sys.argv = arguments
    reader = importlib.import_module("gguf").GGUFReader(str(out / _F16_NAME))
    sinks = [tensor.data for tensor in reader.tensors if tensor.name.endswith("attn_sinks.weight")]
    assert len(sinks) == _LAYERS and all(abs(sink).max() > 0 for sink in sinks), "no attention sinks"


def quantize(out: Path) -> None:
    """Write OUT/tiny-gpt-oss.gguf: MXFP4 experts, as the real model's, and the other matrices in Q8_0."""
    llama_cpp = importlib.import_module("llama_cpp")  # late: the stage convert needs none
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_MXFP4_MOE
    source, target = str(out / _F16_NAME), str(out / "tiny-gpt-oss.gguf")
    status = llama_cpp.llama_model_quantize(source.encode(), target.encode(), parameters)
    assert status == 0, f"llama.cpp could not quantize {source}"
