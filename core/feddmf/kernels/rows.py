"""The first layer for a block of rows: its half of the projection, and both gradients behind it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled

__all__ = ["project_rows", "weight_gradient"]

Floats = npt.NDArray[np.float32]

# Blocks of rows are so small that a BLAS library does not split their product among threads: OpenBLAS does so
# from 2**18 multiplications on.
_PRODUCTS = 1 << 17
_MOST_ROWS = 128


@compiled
def _block(weights: int) -> int:
    """Return how many rows are multiplied at once."""
    return max(1, min(_MOST_ROWS, _PRODUCTS // weights))


@compiled
def project_rows(vectors: Floats, weight: Floats, rows: int, projected: Floats) -> None:
    """Write vectors [rows, dim] times `weight` [dim, hidden] into `projected` [rows, hidden]."""
    block = _block(weight.size)
    for first in range(0, rows, block):
        last = min(first + block, rows)
        np.dot(vectors[first:last], weight, projected[first:last])


@compiled
def weight_gradient(errors: Floats, vectors: Floats, rows: int, gradient: Floats, part: Floats) -> None:
    """Write the transpose of errors [rows, hidden] times vectors [rows, dim] into `gradient` [hidden, dim].

    part: [hidden, dim], overwritten.
    """
    gradient[:] = 0
    block = _block(gradient.size)
    for first in range(0, rows, block):
        last = min(first + block, rows)
        np.dot(errors[first:last].T, vectors[first:last], part)
        for at in range(gradient.shape[0]):
            for column in range(gradient.shape[1]):
                gradient[at, column] += part[at, column]
