"""What this machine can do at most on one thread, measured, so that a figure can be held against it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

__all__ = ["copy_bytes_per_s", "gemm_flops_per_s"]

_ROUNDS = 5
_GEMM_SIDE = 1024
_COPIED = 1 << 26  # floats, 256 MiB: far more than any cache holds


def gemm_flops_per_s() -> float:
    """Return the floating-point operations a second of a float32 matrix product, one thread."""
    left = np.ones((_GEMM_SIDE, _GEMM_SIDE), dtype=np.float32)
    out = np.empty_like(left)
    return 2 * _GEMM_SIDE**3 / _median_s(lambda: np.matmul(left, left, out=out))


def copy_bytes_per_s() -> float:
    """Return the bytes a second that numpy copies, each counted once."""
    source = np.ones(_COPIED, dtype=np.float32)
    target = np.empty_like(source)
    return source.nbytes / _median_s(lambda: np.copyto(target, source))


def _median_s(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
