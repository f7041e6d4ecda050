"""What this build of llama.cpp can compute on: GPUs, and the CPU instructions it was built for.

ggml-backend.h by hand-declared ctypes: llama-cpp-python binds nothing of it. Knows nothing of models.
"""

import ctypes
import re
import sys
from pathlib import Path

from oss_cli.engine.llama.api import C, Pointer
from oss_cli.plan import Gpu

# ggml-backend.h, enum ggml_backend_dev_type (2026-10)
_TYPE_CPU, _TYPE_GPU, _TYPE_INTEGRATED = 0, 1, 2
_SHARES_RAM = re.compile(r"\b(GB10|Thor|Orin|Tegra)\b")
"""NVIDIA's chips whose GPU has no memory of its own, but calls itself a GPU like any other."""
_EXPERTS = r"blk\.{}\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""The experts' tensors of a layer. Source: llama.cpp, common/common.h, llm_ffn_exps_block_regex (2026-10)."""


class _Override(ctypes.Structure):
    """struct llama_model_tensor_buft_override of llama.h: tensors whose names match go into that type of buffer."""

    _fields_ = [("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p)]


def list_gpus() -> tuple[Gpu, ...]:
    """The GPUs that llama.cpp puts layers on: integrated ones only where there is no other.

    On CUDA the first call sets the driver up (0.1 to 0.5 s).
    """
    found = [_device(number) for number in range(_call("ggml_backend_dev_count", ctypes.c_size_t))]
    gpus = [gpu for kind, gpu in found if kind == _TYPE_GPU] or [gpu for kind, gpu in found if kind == _TYPE_INTEGRATED]
    return tuple(gpu for gpu in gpus if gpu.total_bytes)  # one that reports no memory is left out by llama.cpp, too


def list_features() -> tuple[str, ...]:
    """What the build was made to use: CPU instructions ("AVX2", "NEON"), and the backends for GPUs ("CUDA")."""
    return parse_features(C.llama_print_system_info().decode("utf-8", "replace"))


def parse_features(text: str) -> tuple[str, ...]:
    """The names out of llama.cpp's system info: "CPU : AVX2 = 1 | FMA = 0 | CUDA : ARCHS = 890 | "."""
    features: dict[str, None] = {}
    group = ""
    for part in text.split("|"):
        name, has_group, rest = part.partition(" : ")
        if has_group:
            group = name.strip()
            if group != "CPU":
                features[group] = None
        key, _, value = (rest if has_group else part).partition("=")
        if group == "CPU" and value.strip() == "1":
            features[key.strip()] = None
    return tuple(features)


def can_offload() -> bool:
    """Whether this build can use a GPU at all."""
    return bool(C.llama_supports_gpu_offload())


def build_version() -> str:
    """The version of llama-cpp-python; empty when it does not say."""
    # Its __init__ cannot be imported for it (137 ms), nor can importlib.metadata (64 ms).
    init = Path(C.__file__).with_name("__init__.py")
    found = re.search(r'__version__ = "([^"]+)"', init.read_text("utf-8")) if init.is_file() else None
    return found[1] if found else ""


def keep_experts_on_cpu(layers: int) -> Pointer:
    """`tensor_buft_overrides` for llama_model_params: the experts of layers 0 to `layers` - 1 stay on the CPU.

    The array has to live until the model is loaded. None: nothing is to stay.
    """
    if layers <= 0:
        return None
    device = _call("ggml_backend_dev_by_type", ctypes.c_void_p, ctypes.c_int(_TYPE_CPU))
    on_cpu = _call("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p(device))
    rows = [_Override(_EXPERTS.format(layer).encode(), on_cpu) for layer in range(layers)]
    return (_Override * (layers + 1))(*rows, _Override(None, None))


def _device(number: int) -> tuple[int, Gpu]:
    device = _call("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t(number))
    kind = _call("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p(device))
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    _call("ggml_backend_dev_memory", None, ctypes.c_void_p(device), ctypes.byref(free), ctypes.byref(total))
    registry = _call("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p(device))
    backend = _text("ggml_backend_reg_name", registry)
    description = _text("ggml_backend_dev_description", device)
    shares_ram = kind == _TYPE_INTEGRATED or backend in ("MTL", "Metal") or bool(_SHARES_RAM.search(description))
    gpu = Gpu(_text("ggml_backend_dev_name", device), description, backend, free.value, total.value, shares_ram)
    return kind, gpu


def _text(function: str, pointer: int) -> str:
    text = _call(function, ctypes.c_char_p, ctypes.c_void_p(pointer))
    return text.decode("utf-8", "replace").strip() if text else ""


def _call(function: str, result: Pointer, *arguments: Pointer) -> Pointer:
    found = _find(function)
    found.restype = result
    return found(*arguments)


def _find(function: str) -> Pointer:
    """A function of ggml: llama's library leads to it; on Windows a library shows its own functions alone."""
    if sys.platform != "win32":
        return getattr(C._lib, function)
    folder = Path(C.__file__).parent / "lib"
    for name in ("ggml-base.dll", "ggml.dll"):
        library = ctypes.CDLL(str(folder / name))
        if hasattr(library, function):
            return getattr(library, function)
    raise AttributeError(function)
