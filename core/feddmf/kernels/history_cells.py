"""Cross-entropy of a block of cells and its gradient, in one pass that has no call of a library per cell.

With e = exp(-|z|) a cell costs softplus(z) = max(z, 0) + log1p(e), and its gradient without a label is
sigmoid(z) = 1 / (1 + e) or e / (1 + e). exp is 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2], log1p is
e times one on [0, 1]; both are fitted at Chebyshev nodes, to 1.1e-8 and 3.1e-8 of their values, so that what
float32 rounds away dominates: costs and gradients are within 1e-6 of their values for |z| up to 87, and the
tests hold them to that.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from feddmf.kernels.compiling import compiled_in_order

__all__ = ["turn_cells"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# Rows that are added up in float32 before they go into a float64.
_ROWS = 128

_LOG2_E = np.float32(1.4426950408889634)
# ln 2 as a sum, of which the first is short enough for exact products with n.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Added to a small number it rounds it to an integer, which then stands in the lowest bits.
_ROUNDER = np.float32(12582912.0)
_EXPONENT_BIAS, _MANTISSA_BITS = np.int32(127), np.int32(23)
# 2^n is a normal number down to here.
_LEAST = np.float32(-87.0)
_ZERO, _ONE = np.float32(0), np.float32(1)

_E2, _E3, _E4, _E5, _E6 = (
    np.float32(each)
    for each in (0.5000000013543259, 0.16666576643547162, 0.04166646416731255, 0.00836323538462786,
                 0.0013933733216361362)
)  # fmt: skip
_L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8, _L9 = (
    np.float32(each)
    for each in (0.999999970540657, -0.4999950151678725, 0.33319271342500406, -0.24844369892450852,
                 0.191114310805017, -0.13674769705361184, 0.078361668016809, -0.029588507391794104,
                 0.005253457796776874)
)  # fmt: skip

# As part of the loop that calls it: of calls no vector instruction can be made.
_inlined = njit(inline="always")


@_inlined
def _exp(x: np.float32) -> np.float32:
    """Return exp(x) of x <= 0; below -87 as of -87."""
    x = max(x, _LEAST)
    rounded = np.float32(x * _LOG2_E + _ROUNDER)
    n = rounded - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    # What the rounder leaves above the integer is shifted out.
    bits = np.int32(np.int32(np.float32(rounded).view(np.int32) + _EXPONENT_BIAS) << _MANTISSA_BITS)
    power = np.int32(bits).view(np.float32)
    return (_ONE + r + r * r * (_E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * _E6))))) * power


@_inlined
def _log1p(e: np.float32) -> np.float32:
    """Return log(1 + e) of e in [0, 1]."""
    high = _L5 + e * (_L6 + e * (_L7 + e * (_L8 + e * _L9)))
    return e * (_L1 + e * (_L2 + e * (_L3 + e * (_L4 + e * high))))


@compiled_in_order
def _differentiate(  # noqa: PLR0917  (kernels take no keywords)
    cells: Floats, bias: Floats, shifts: Floats, levels: Floats, seen: Floats, sums: Doubles
) -> None:
    """Turn products into gradients of unlabelled cells, in place; arguments as for `turn_cells`.

    sums: [3, items], to which the columns' losses, gradients, and gradients times levels are added.
    """
    users, items = cells.shape
    added = np.empty((3, items), np.float32)
    loss, gradient, weighted = added[0], added[1], added[2]
    for first in range(0, users, _ROWS):
        added[:] = _ZERO
        for user in range(first, min(first + _ROWS, users)):
            row, shift, level = cells[user], shifts[user], levels[user]
            for item in range(items):
                z = row[item] + (bias[item] + shift)
                e = _exp(-abs(z))
                inverse = _ONE / (_ONE + e)
                is_positive = z > _ZERO
                loss[item] += (z if is_positive else _ZERO) + _log1p(e)
                share = (inverse if is_positive else e * inverse) * seen[item]
                row[item] = share
                gradient[item] += share
                weighted[item] += share * level
        for item in range(items):
            # Not by multiplying, which would make the loss of an unseen item that has none not a number.
            if seen[item] > _ZERO:
                for kind in range(3):
                    sums[kind, item] += added[kind, item]


@compiled_in_order
def turn_cells(  # noqa: PLR0917  (kernels take no keywords)
    cells: Floats,
    bias: Floats,
    shifts: Floats,
    levels: Floats,
    seen: Floats,
    starts: Codes,
    owners: Codes,
    of_bias: Floats,
    totals: Doubles,
) -> None:
    """Turn scalar products p . q into the gradients of the loss in the logits, in place.

    cells: [users, items]; bias, seen: [items], seen 1 or 0; shifts, levels: [users], what a user's activity
    adds to its logits, and what that is a multiple of; starts: [items + 1], where each item's positive cells
    begin in owners, their rows. Filled are of_bias [items], the gradients in the biases, and totals [3]: the
    loss, and the gradients in all logits as they are, and times levels. Unseen items have zeros and no loss.
    """
    items = cells.shape[1]
    sums = np.zeros((3, items))
    positive = 0.0
    for item in range(items):
        for place in range(starts[item], starts[item + 1]):
            user = owners[place]
            positive += cells[user, item] + (bias[item] + shifts[user])
    _differentiate(cells, bias, shifts, levels, seen, sums)
    totals[0], totals[1], totals[2] = -positive, 0.0, 0.0
    for item in range(items):
        for place in range(starts[item], starts[item + 1]):
            user = owners[place]
            cells[user, item] -= _ONE
            sums[1, item] -= 1.0
            sums[2, item] -= levels[user]
        of_bias[item] = sums[1, item]
        for kind in range(3):
            totals[kind] += sums[kind, item]
