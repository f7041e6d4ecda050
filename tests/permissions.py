"""Permissions that hold: tests may run as root, whom no permission stops."""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_VERSION_3 = 0x20080522
_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; source: linux/capability.h
_GET_SECUREBITS, _SET_SECUREBITS, _NO_ROOT = 27, 28, 1  # a child of root is not given all of them again; linux/prctl.h


@contextlib.contextmanager
def closed(*paths: Path) -> Iterator[None]:
    """Nobody may read or enter these, not even root, on this thread, its threads and children."""
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0)
    try:
        with _without_overrides():
            yield
    finally:
        for path, mode in reversed(list(zip(paths, modes, strict=True))):
            path.chmod(mode)


@contextlib.contextmanager
def _without_overrides() -> Iterator[None]:
    """On Linux root's power over files is a capability of each thread, which can be laid down and taken up again."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    before = ctypes.create_string_buffer(24)
    assert libc.capget(header, before) == 0, os.strerror(ctypes.get_errno())
    effective, *others = struct.unpack("=6I", before.raw[:24])
    during = ctypes.create_string_buffer(struct.pack("=6I", effective & ~_OVERRIDES, *others))
    assert libc.capset(header, during) == 0, os.strerror(ctypes.get_errno())
    bits = libc.prctl(_GET_SECUREBITS, 0, 0, 0, 0)
    assert libc.prctl(_SET_SECUREBITS, bits | _NO_ROOT, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        libc.prctl(_SET_SECUREBITS, bits, 0, 0, 0)
        assert libc.capset(header, before) == 0, os.strerror(ctypes.get_errno())
