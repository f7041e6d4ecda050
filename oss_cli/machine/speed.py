"""How fast a model will about write: a token reads the active weights once, so memory bandwidth bounds it.

Estimates, and shown as such. The bandwidths are the makers' figures; what is not listed gets a cautious default.
"""

import re

from oss_cli.machine.memory import estimate_kv_bytes, read_bytes_per_token
from oss_cli.plan import LoadPlan, Machine, ModelShape

_REACHED_SHARE = 0.55
"""Of the bound: published results for gpt-oss reach 0.35 to 0.68. Source: ggml-org/llama.cpp, discussion 15396."""
_TYPICAL_CONTEXT_TOKENS = 2048
"""How far into a conversation the estimate is meant to hold."""

# GB/s by name; the first that matches. Laptop variants have narrower memory than the desktop cards of their name.
_GPUS: tuple[tuple[str, int], ...] = (
    (r"B200|B300", 8000),
    (r"H200", 4800),
    (r"H100.*NVL", 3900),
    (r"H100", 2000),
    (r"A100", 1550),
    (r"MI300", 5300),
    (r"L40|RTX 6000 Ada", 860),
    (r"RTX PRO 6000", 1790),
    (r"GB10", 273),
    (r"RTX 5090.*Laptop|RTX 5080.*Laptop", 896),
    (r"RTX 5090", 1790),
    (r"RTX 5080", 960),
    (r"RTX 5070 Ti.*Laptop", 672),
    (r"RTX 5070.*Laptop", 384),
    (r"RTX 5070 Ti", 896),
    (r"RTX 5070", 672),
    (r"RTX 5060.*Laptop", 384),
    (r"RTX 5060", 448),
    (r"RTX 4090.*Laptop", 576),
    (r"RTX 4080.*Laptop", 432),
    (r"RTX 4070.*Laptop|RTX 4060.*Laptop", 256),
    (r"RTX 4050", 192),
    (r"RTX 4090", 1008),
    (r"RTX 4080", 717),
    (r"RTX 4070", 504),
    (r"RTX 4060", 272),
    (r"RTX 3090", 936),
    (r"RTX 3080.*Laptop", 448),
    (r"RTX 3080", 760),
    (r"RTX 3070", 448),
    (r"RTX 3060.*Laptop", 336),
    (r"RTX 3060", 360),
    (r"RTX 3050", 192),
    (r"RX 7900 XTX", 960),
    (r"RX 7900", 800),
    (r"RX 9070", 640),
    (r"RX 7800|RX 6800|RX 6900", 512),
    (r"Arc.*B580", 456),
    (r"Arc.*A770", 560),
)
_APPLE: tuple[tuple[str, int], ...] = (
    (r"M[1-3] Ultra", 800),
    (r"M[45] Max", 546),
    (r"M[1-3] Max", 400),
    (r"M[45] Pro", 273),
    (r"M3 Pro", 150),
    (r"M[12] Pro", 200),
    (r"M5", 153),
    (r"M4", 120),
    (r"M[23]", 100),
    (r"M1", 68),
)
_OTHER_GPU = 250
_OTHER_INTEGRATED = 60
_SERVER = re.compile(r"EPYC|Xeon|Threadripper|Graviton|Neoverse|Ampere", re.IGNORECASE)
_PER_CORE = 12
"""What one core can fetch; a few of them cannot fill the memory's channels."""
_DESKTOP, _SERVER_MOST = 45, 150


def estimate_tokens_per_second(shape: ModelShape, plan: LoadPlan, machine: Machine) -> float:
    """0.55 of what memory bandwidth allows, on the CPU's part and the GPU's, one after the other."""
    on_cpu, on_gpu = read_bytes_per_token(shape, plan, gpus=len(machine.gpus))
    context = min(_TYPICAL_CONTEXT_TOKENS, plan.context_tokens or _TYPICAL_CONTEXT_TOKENS)
    kv = estimate_kv_bytes(shape, plan, context) / max(1, plan.sequences)
    share = on_gpu / (on_cpu + on_gpu)
    seconds = (on_cpu + kv * (1 - share)) / (cpu_bandwidth(machine) * 1e9)
    if on_gpu:
        slowest = min(gpu_bandwidth(gpu.description, machine.processor, gpu.shares_ram) for gpu in machine.gpus)
        seconds += (on_gpu + kv * share) / (slowest * 1e9)
    return _REACHED_SHARE / seconds


def gpu_bandwidth(description: str, processor: str = "", shares_ram: bool = False) -> int:  # noqa: FBT001,FBT002
    """GB/s of a GPU's memory, by its name."""
    for pattern, bandwidth in _GPUS:
        if re.search(pattern, description, re.IGNORECASE):
            return bandwidth
    apple = _apple_bandwidth(f"{description} {processor}")
    return apple or (_OTHER_INTEGRATED if shares_ram else _OTHER_GPU)


def cpu_bandwidth(machine: Machine) -> int:
    """GB/s that the CPU gets from its memory, by its name and cores."""
    apple = _apple_bandwidth(machine.processor)
    if apple:
        return apple
    most = _SERVER_MOST if _SERVER.search(machine.processor) else _DESKTOP
    return min(most, _PER_CORE * machine.physical_cores)


def _apple_bandwidth(name: str) -> int:
    if "Apple" not in name:
        return 0
    return next((bandwidth for pattern, bandwidth in _APPLE if re.search(rf"{pattern}\b", name)), 0)
