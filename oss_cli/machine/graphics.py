"""Which GPUs the system has, whether llama.cpp can use them or not, and which build of llama.cpp could.

Asks the kernel's files, and nvidia-smi where it is installed; loads no driver's library. Seen to work on Linux without
a GPU; the rest follows the systems' documentation.
"""

import ctypes.util
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from oss_cli.errors import quoted
from oss_cli.machine import windows
from oss_cli.machine.probe import probe_machine

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}  # pci-ids.ucw.cz
_NVIDIA_SMI_TIMEOUT_S = 3.0
_WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
"""Ready builds by the makers of llama-cpp-python; PyPI has its source alone. Source: its README (0.3.36)."""


@dataclass(frozen=True, slots=True)
class SystemGpu:
    """A GPU that is built in."""

    maker: str
    """ "NVIDIA", "AMD", "Intel" or "Apple"."""
    name: str
    """The model's name, or the maker's where nobody says more."""
    driver: str = ""
    """The version of its driver; empty when it is not told."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Which build of llama.cpp would use a GPU."""

    wheel: str
    """The last part of its index: "cu124", "vulkan", "metal", "cpu"."""
    reason: str

    def command(self, python: str, version: str) -> str:
        """What to type; `python` is the interpreter that runs us."""
        package = f"llama-cpp-python=={version}" if version else "llama-cpp-python"
        options = "--upgrade --force-reinstall --no-deps --no-cache-dir"
        return f"{quoted(python)} -m pip install {options} {package} --extra-index-url {_WHEELS}/{self.wheel}"


def find_system_gpus(root: Path | None = None) -> tuple[SystemGpu, ...]:
    """The GPUs of this computer, as the operating system sees them. Takes up to 3 s where nvidia-smi hangs.

    root: a folder with the /proc and /sys of some Linux, to be read in the place of this computer's.
    """
    if root is None and sys.platform == "darwin":
        return (SystemGpu("Apple", probe_machine().processor),) if platform.machine() == "arm64" else ()
    if root is None and sys.platform == "win32":
        cards = windows.name_makers(windows.list_adapters(), _VENDORS)
        nvidia = _from_nvidia_smi() or tuple(SystemGpu(*card) for card in cards if card[0] == "NVIDIA")
        return (*nvidia, *(SystemGpu(*card) for card in cards if card[0] != "NVIDIA"))
    root = root or Path("/")
    found = list(_from_nvidia_smi()) or _from_nvidia_driver(root)
    makers = {gpu.maker for gpu in found}
    return (*found, *(gpu for gpu in _from_kernel(root) if gpu.maker not in makers))


def advise(gpus: tuple[SystemGpu, ...], libraries: tuple[str, ...] | None = None) -> Advice | None:
    """The build of llama.cpp that suits these GPUs best; None: there is none to use.

    libraries: which of "cudart" and "vulkan" the linker finds; None: ask it.
    """
    found = _find_libraries() if libraries is None else libraries
    makers = [gpu.maker for gpu in gpus]
    if "Apple" in makers:
        return Advice("metal", "Metal is part of macOS")
    if "NVIDIA" in makers:
        driver = next((_major(gpu.driver) for gpu in gpus if gpu.maker == "NVIDIA"), 0)
        if "cudart" in found and driver >= 550:
            return Advice("cu124", f"driver {driver} and the CUDA libraries are here")
        reason = "it needs only the driver: the CUDA build needs CUDA's libraries as well, and uses the CPU badly"
        return Advice("vulkan", reason)
    if "AMD" in makers:
        return Advice("vulkan", "it needs only the driver")
    if "Intel" in makers:
        return Advice("vulkan", "it needs only the driver; integrated graphics are seldom faster than the CPU")
    return None


def has_avx2(root: Path = Path("/")) -> bool | None:
    """Whether the processor has AVX2; None where the kernel does not list its instructions."""
    try:
        text = (root / "proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return None
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return None if flags is None else "avx2" in flags[1].split()


def _from_nvidia_smi() -> tuple[SystemGpu, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        answer = subprocess.run(
            [program, "--query-gpu=name,driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=_NVIDIA_SMI_TIMEOUT_S, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ()  # a driver that does not answer leaves its files in /proc
    lines = (line.partition(",") for line in answer.stdout.splitlines() if line.strip())
    return tuple(SystemGpu("NVIDIA", name.strip(), driver.strip()) for name, _, driver in lines)


def _from_nvidia_driver(root: Path) -> list[SystemGpu]:
    version = re.search(r"Kernel Module\s+(?:for \S+\s+)?(\d[\d.]+)", _read(root / "proc/driver/nvidia/version"))
    driver = version[1] if version else ""
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    models = (re.search(r"^Model:\s*(.+)$", _read(file), re.MULTILINE) for file in files)
    return [SystemGpu("NVIDIA", model[1].strip() if model else "NVIDIA GPU", driver) for model in models]


def _from_kernel(root: Path) -> list[SystemGpu]:
    """One for each graphics card under /sys/class/drm; its entries for screens have a dash in their names."""
    cards = sorted(card for card in (root / "sys/class/drm").glob("card*") if "-" not in card.name)
    makers = (_VENDORS.get(_read(card / "device/vendor").strip().lower()) for card in cards)
    return [SystemGpu(maker, f"{maker} graphics") for maker in makers if maker]


def _find_libraries() -> tuple[str, ...]:
    return tuple(name for name in ("cudart", "vulkan") if ctypes.util.find_library(name))


def _major(version: str) -> int:
    number = version.partition(".")[0]
    return int(number) if number.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
