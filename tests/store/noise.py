"""Bytes that stand for weights."""

import random

MIB = 1 << 20


def noise(size: int, seed: int = 1) -> bytes:
    """The same bytes for the same seed, and no two parts of them alike."""
    return random.Random(seed).randbytes(size)
