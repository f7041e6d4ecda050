"""How much memory this process takes. Seen to work on Linux; the other branches follow the systems' documentation."""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

from oss_cli.machine import windows


def own_memory_bytes() -> int:
    """What is in memory of this process, its mapped files included; 0: the system does not say."""
    with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
        if sys.platform == "win32":
            return int(_windows_counters().working_set)
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
        return _most_so_far()
    return 0


def peak_memory_bytes() -> int:
    """The most that was in memory of this process, its mapped files included; 0: the system does not say."""
    with contextlib.suppress(OSError, ValueError, AttributeError, IndexError):
        if sys.platform == "win32":
            return int(_windows_counters().most_working_set)
        if sys.platform == "linux":  # getrusage tells the size of whoever started this process, if that was larger
            status = Path("/proc/self/status").read_text("ascii", errors="replace")
            return int(status.partition("VmHWM:")[2].split()[0]) << 10
        return _most_so_far()
    return 0


def _most_so_far() -> int:
    import resource  # Posix alone has it

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _windows_counters() -> "_ProcessMemoryCounters":
    counters = _ProcessMemoryCounters(size=ctypes.sizeof(_ProcessMemoryCounters))
    kernel32 = windows.load_library("kernel32")
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    kernel32.K32GetProcessMemoryInfo(
        ctypes.c_void_p(kernel32.GetCurrentProcess()), ctypes.byref(counters), counters.size
    )
    return counters  # all zero where it failed


class _ProcessMemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS of psapi.h."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("page_faults", ctypes.c_uint32),
        ("most_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
        *((f"other_{number}", ctypes.c_size_t) for number in range(6)),
    )
