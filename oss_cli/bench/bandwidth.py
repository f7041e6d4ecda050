"""What the memory delivers: the speed of a plain copy on several threads. Knows nothing of models."""

import ctypes
import threading
import time

_BLOCK_BYTES = 128 << 20
"""Of each thread, larger than any cache of a core's own."""
_ROUNDS = 3


def measure_copy(threads: int) -> float:
    """Bytes a second that are read and written together while each thread copies a block of its own; the best of 3.

    A bound for the reading of weights that is a little too low where writing costs more than reading.
    """
    blocks = [_blocks(max(1, threads)) for _ in range(max(1, threads))]
    for source, target in blocks:
        _copy(source, target)  # the system gives the pages only when they are touched
    best = 0.0
    for _ in range(_ROUNDS):
        workers = [threading.Thread(target=_copy, args=block) for block in blocks]
        started = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        copied = sum(len(source) for source, _ in blocks)
        best = max(best, 2 * copied / (time.perf_counter() - started))
    return best


def _blocks(threads: int) -> tuple[bytearray, bytearray]:
    size = max(_BLOCK_BYTES // threads, 16 << 20)
    return bytearray(size), bytearray(size)


def _copy(source: bytearray, target: bytearray) -> None:
    size = len(source)
    into = (ctypes.c_char * size).from_buffer(target)
    ctypes.memmove(into, (ctypes.c_char * size).from_buffer(source), size)  # without the interpreter's lock
