"""What this computer has: memory and cores. Asks the operating system alone, without libraries, in about a millisecond.

GPUs are not its business: which of them can be used depends on the build of llama.cpp (`engine/llama/devices.py`).

Seen to work on Linux; the macOS and Windows branches follow the systems' documentation and have not been run.
"""

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Iterator, Set
from pathlib import Path

from oss_cli.machine import windows
from oss_cli.plan import Machine

_ROOT = Path("/")
_CONTROL_GROUPS = Path("sys/fs/cgroup")
_TOPOLOGY = Path("sys/devices/system/cpu")
_PERFORMANCE_CORES = Path("sys/devices/cpu_core/cpus")  # on Intel hybrids: the list of performance cores


def probe_machine(root: Path | None = None, cpus: Set[int] | None = None) -> Machine:
    """Memory and cores that this process may use.

    root: a folder with the /proc and /sys of some Linux, to be read in the place of this computer's. cpus: the logical
    ones that the process may run on; None: as the kernel says.
    """
    total, available = _memory(root)
    cores = max(1, _physical_cores(root, cpus))
    return Machine(
        total_ram_bytes=total,
        available_ram_bytes=available,
        physical_cores=cores,
        processor=_processor(root),
    )


def _memory(root: Path | None) -> tuple[int, int]:
    """Total and available memory, in bytes; the control group's limit counts where it is lower."""
    if root is None and sys.platform == "win32":
        return _windows_memory()
    if root is None and sys.platform == "darwin":
        total = _sysctl("hw.memsize")
        return total, _mac_available() or total
    root = root or _ROOT
    fields = _read_meminfo(root / "proc/meminfo")
    total, available = fields.get("MemTotal", 0), fields.get("MemAvailable", 0)
    for group in _groups(root, "memory"):
        limit, used = _read_limit(group)
        if limit is not None and 0 < limit < total:
            total, available = limit, min(available, max(0, limit - max(0, used)))
    return total, available


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups that limit us, the outermost first; every one of them counts.

    Version 2 has one tree; version 1 one for each controller. A container sees its own group as the root of the tree,
    a service of the system sees the whole tree and stands deep inside.
    Source: cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst.
    """
    for line in ["0::/", f"0:{controller}:/", *_read_text(root / "proc/self/cgroup").splitlines()]:
        _, _, rest = line.partition(":")
        controllers, _, inside = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        tree = root / _CONTROL_GROUPS / (controller if controllers else "")
        own = Path(inside.strip("/"))
        if ".." not in own.parts:
            yield from (tree / folder for folder in [*reversed(own.parents), own])


def _read_limit(group: Path) -> tuple[int | None, int]:
    """A control group's limit, and what it uses apart from the page cache: a model file read once is all there."""
    # Above memory.high a group is slowed down until it is of no use: for a model that is as good as memory.max.
    limits = [_read_number(group / f"memory.{name}") for name in ("max", "high")]
    limit = min((limit for limit in limits if limit is not None), default=None)
    if limit is not None:
        used = (_read_number(group / "memory.current") or 0) - _read_counters(group, "active_file", "inactive_file")
        return limit, used
    limit = _read_number(group / "memory.limit_in_bytes")  # version 1; without a limit it is about 2^63
    used = _read_number(group / "memory.usage_in_bytes") or 0
    return limit, used - _read_counters(group, "total_active_file", "total_inactive_file")


def _read_counters(group: Path, *names: str) -> int:
    lines = (line.split() for line in _read_text(group / "memory.stat").splitlines())
    return sum(int(words[1]) for words in lines if len(words) == 2 and words[0] in names)


def _processor(root: Path | None) -> str:
    """The maker's name of the processor; empty where it is not told in one line."""
    if root is None and sys.platform == "darwin":
        return _sysctl_text("machdep.cpu.brand_string")
    if root is None and sys.platform == "win32":
        return ""
    lines = (line.partition(":") for line in _read_text((root or _ROOT) / "proc/cpuinfo").splitlines())
    return next((name.strip() for key, _, name in lines if key.strip() == "model name"), "")


def _physical_cores(root: Path | None, cpus: Set[int] | None) -> int:
    if root is None and sys.platform == "darwin":
        return _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu") or _guessed_cores()
    if root is None and sys.platform == "win32":
        return windows.count_cores() or _guessed_cores()
    return _linux_cores(root or _ROOT, cpus)


def _linux_cores(root: Path, cpus: Set[int] | None) -> int:
    allowed = os.sched_getaffinity(0) if cpus is None else cpus
    performance = _read_cpu_list(root / _PERFORMANCE_CORES)
    allowed = allowed & performance or allowed
    siblings = {_read_text(root / _TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings") for cpu in allowed}
    cores = len(siblings) if "" not in siblings else _guessed_cores(len(allowed))
    return min(cores, _core_quota(root))


def _core_quota(root: Path) -> int:
    """How many cores' worth of time the control groups grant; containers have less than they see."""
    return min((_read_quota(group) for group in _groups(root, "cpu")), default=sys.maxsize)


def _read_quota(group: Path) -> int:
    quota, _, period = _read_text(group / "cpu.max").partition(" ")
    if not quota:  # version 1; -1: no limit
        quota, period = _read_text(group / "cpu.cfs_quota_us"), _read_text(group / "cpu.cfs_period_us")
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return sys.maxsize
    return max(1, int(quota) // int(period))


def _guessed_cores(cpus: int | None = None) -> int:
    """llama.cpp's rule where the system tells nothing: small machines rarely have two threads a core."""
    logical = cpus or os.cpu_count() or 1
    return logical if logical <= 4 else logical // 2


def _read_text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _read_number(path: Path) -> int | None:
    text = _read_text(path)
    return int(text) if text.isdigit() else None


def _read_cpu_list(path: Path) -> set[int]:
    """A kernel's list of CPUs, such as `0-3,8`."""
    cpus: set[int] = set()
    for part in filter(None, _read_text(path).split(",")):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def _read_meminfo(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _read_text(path).splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) == 3}


def _mac_available() -> int:
    """Memory that macOS can give without compressing or swapping: free, cached files, purgeable; 0: it does not say.

    Source: xnu, osfmk/vm/vm_pageout.c and bsd/vm/vm_unix.c (the vm.page_* counters); from memory, not run.
    """
    pages = sum(_sysctl(f"vm.page_{kind}_count") for kind in ("free", "pageable_external", "purgeable"))
    return pages * _sysctl("hw.pagesize")


def _sysctl(name: str) -> int:
    """A number that macOS's kernel tells; 0 when it does not know the name."""
    value = ctypes.c_int64(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    status = library.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value if status == 0 else 0


def _sysctl_text(name: str) -> str:
    """A text that macOS's kernel tells; empty when it does not know the name."""
    value = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    status = library.sysctlbyname(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value.decode("utf-8", "replace") if status == 0 else ""


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = [
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "available", "page_total", "page_available", "v", "va", "ve")),
    ]


def _windows_memory() -> tuple[int, int]:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    windows.load_library("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.total), int(status.available)
