"""Small matrix products over many cells at once, each cell a lane of a vector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import inlined

__all__ = ["LANES", "count", "filled", "full", "project"]

Floats = npt.NDArray[np.float32]

LANES = 4
"""Numbers of a vector that are added up at once, and units that they are added to."""

_ZERO = np.float32(0)


@inlined
def full(count: int) -> int:
    """Return `count`, made up to full lanes."""
    return -(-count // LANES) * LANES


@inlined
def filled(array: Floats) -> Floats:
    """Return `array` [n, m] with zeros up to full lanes on either side."""
    rows, columns = array.shape
    made = np.zeros((full(rows), full(columns)), np.float32)
    made[:rows, :columns] = array
    return made


@inlined
def project(weight: Floats, turned: Floats, units: Floats) -> None:
    """Add weight [LANES, dim] times turned [dim, cells] to `units`, [LANES, cells]; dim fills its lanes."""
    first, second, third, fourth = units[0], units[1], units[2], units[3]
    for column in range(0, weight.shape[1], LANES):
        w, x = weight[:, column : column + LANES], turned[column : column + LANES]
        a, b, c, d = x[0], x[1], x[2], x[3]
        for cell in range(len(first)):
            of_a, of_b, of_c, of_d = a[cell], b[cell], c[cell], d[cell]
            first[cell] += w[0, 0] * of_a + w[0, 1] * of_b + w[0, 2] * of_c + w[0, 3] * of_d
            second[cell] += w[1, 0] * of_a + w[1, 1] * of_b + w[1, 2] * of_c + w[1, 3] * of_d
            third[cell] += w[2, 0] * of_a + w[2, 1] * of_b + w[2, 2] * of_c + w[2, 3] * of_d
            fourth[cell] += w[3, 0] * of_a + w[3, 1] * of_b + w[3, 2] * of_c + w[3, 3] * of_d


@inlined
def count(units: Floats, known: Floats, factor: Floats, totals: Floats) -> None:
    """Add factor . relu(units + known) to `totals` [cells]; units: [LANES, cells]; the others: [LANES]."""
    first, second, third, fourth = units[0], units[1], units[2], units[3]
    for cell in range(len(totals)):
        totals[cell] += (
            factor[0] * max(first[cell] + known[0], _ZERO)
            + factor[1] * max(second[cell] + known[1], _ZERO)
            + factor[2] * max(third[cell] + known[2], _ZERO)
            + factor[3] * max(fourth[cell] + known[3], _ZERO)
        )
