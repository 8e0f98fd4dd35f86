"""Adam (Kingma and Ba 2015, algorithm 1), row by row, as torch.optim.Adam defines it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import inlined_in_order

__all__ = ["BETAS", "EPS", "Moments", "adam_row", "adam_scale", "idle_row"]

BETAS = (0.9, 0.999)
EPS = 1e-8

_FIRST, _SECOND = np.float32(BETAS[0]), np.float32(BETAS[1])
_REST_FIRST, _REST_SECOND = np.float32(1 - BETAS[0]), np.float32(1 - BETAS[1])
_EPS = np.float32(EPS)


class Moments(NamedTuple):
    """A tensor and its running mean gradient and squared gradient, float32 [rows, columns] each."""

    values: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]


@inlined_in_order
def adam_scale(step: int, rate: float) -> Any:
    """Return the size of step number `step` (the first is 1), and what roots are multiplied by, float32."""
    size = rate / (1 - BETAS[0] ** step)
    return np.float32(size), np.float32(1 / np.sqrt(1 - BETAS[1] ** step))


@inlined_in_order
def adam_row(tensor: Moments, row: int, gradient: npt.NDArray[np.float32], at: int, scale: Any) -> None:
    """Step on row `row` of a tensor by row `at` of its gradient."""
    size, root_scale = scale
    values, means, squares = tensor
    for column in range(values.shape[1]):
        slope = gradient[at, column]
        mean = _FIRST * means[row, column] + _REST_FIRST * slope
        square = _SECOND * squares[row, column] + _REST_SECOND * (slope * slope)
        means[row, column] = mean
        squares[row, column] = square
        values[row, column] -= size * (mean / (np.sqrt(square) * root_scale + _EPS))


@inlined_in_order
def idle_row(tensor: Moments, row: int, scale: Any) -> None:
    """Step on row `row` of a tensor with a gradient of zero: to the bit what `adam_row` does with one."""
    size, root_scale = scale
    values, means, squares = tensor
    for column in range(values.shape[1]):
        mean = _FIRST * means[row, column]
        square = _SECOND * squares[row, column]
        means[row, column] = mean
        squares[row, column] = square
        values[row, column] -= size * (mean / (np.sqrt(square) * root_scale + _EPS))
