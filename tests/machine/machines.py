"""Computers that people have, as a probe would find them a while after they were started."""

from oss_cli.plan import Gpu, Machine

GIB = 1 << 30
_IN_USE = 3 * GIB
"""By the desktop and a browser."""
_ON_SCREEN = GIB // 2
"""Of a GPU's memory, by what it shows."""


def mac(chip: str, gib: int) -> Machine:
    """Apple silicon: its GPU may take two thirds of the memory, of much memory three quarters."""
    limit = gib * GIB * 2 // 3 if gib <= 36 else gib * GIB * 3 // 4
    gpu = Gpu("MTL0", f"Apple {chip}", "MTL", limit, limit, shares_ram=True)
    return Machine(gib * GIB, gib * GIB, 8, (gpu,), f"Apple {chip}")


def laptop(gpu_name: str, gpu_gib: int, ram_gib: int, cores: int = 8) -> Machine:
    """A computer with a GPU of its own memory."""
    name = f"NVIDIA GeForce {gpu_name}"
    gpu = Gpu("CUDA0", name, "CUDA", gpu_gib * GIB - _ON_SCREEN, gpu_gib * GIB)
    return Machine(ram_gib * GIB, ram_gib * GIB - _IN_USE, cores, (gpu,), "13th Gen Intel(R) Core(TM) i7-13700H")


def workstation(gpus: int = 1) -> Machine:
    """A server with accelerators of 80 GB."""
    cards = tuple(Gpu(f"CUDA{n}", "NVIDIA H100 PCIe", "CUDA", 79 * GIB, 80 * GIB) for n in range(gpus))
    return Machine(256 * GIB, 250 * GIB, 32, cards, "AMD EPYC 7543 32-Core Processor")


def without_gpu(ram_gib: int, cores: int = 8) -> Machine:
    """A computer whose llama.cpp has the CPU alone."""
    return Machine(ram_gib * GIB, ram_gib * GIB - _IN_USE, cores, (), "AMD Ryzen 7 7700 8-Core Processor")


MACHINES: dict[str, dict[str, Machine]] = {
    "macs": {
        "M2, 8 GB": mac("M2", 8),
        "M2, 16 GB": mac("M2", 16),
        "M2 Pro, 32 GB": mac("M2 Pro", 32),
        "M2 Max, 64 GB": mac("M2 Max", 64),
        "M4 Max, 128 GB": mac("M4 Max", 128),
    },
    "gpus": {
        "6 GB GPU, 16 GB": laptop("RTX 3060 Laptop GPU", 6, 16),
        "8 GB GPU, 16 GB": laptop("RTX 4060 Laptop GPU", 8, 16),
        "8 GB GPU, 64 GB": laptop("RTX 4060 Laptop GPU", 8, 64),
        "12 GB GPU, 32 GB": laptop("RTX 4080 Laptop GPU", 12, 32),
        "16 GB GPU, 64 GB": laptop("RTX 4090 Laptop GPU", 16, 64),
        "24 GB GPU, 64 GB": laptop("RTX 4090", 24, 64),
        "80 GB GPU": workstation(),
        "2 × 80 GB GPU": workstation(2),
    },
    "cpus": {
        "CPU, 8 GB": without_gpu(8, 4),
        "CPU, 16 GB": without_gpu(16),
        "CPU, 32 GB": without_gpu(32),
        "CPU, 64 GB": without_gpu(64),
        "CPU, 128 GB": without_gpu(128, 16),
    },
}
