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
            return _on_windows()
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
        import resource  # Posix alone has it

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the most so far; on macOS in bytes
    return 0


def _on_windows() -> int:
    counters = _ProcessMemoryCounters(size=ctypes.sizeof(_ProcessMemoryCounters))
    kernel32 = windows.load_library("kernel32")
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel32.GetCurrentProcess())
    has_told = kernel32.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    return int(counters.working_set) if has_told else 0


class _ProcessMemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS of psapi.h."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("page_faults", ctypes.c_uint32),
        ("most_working_set", ctypes.c_size_t),
        ("working_set", ctypes.c_size_t),
        *((f"other_{number}", ctypes.c_size_t) for number in range(6)),
    )
