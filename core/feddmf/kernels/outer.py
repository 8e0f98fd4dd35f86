"""The sum of outer products of sparse rows of whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled

__all__ = ["add_outer"]


@compiled
def add_outer(
    starts: npt.NDArray[np.int64],
    places: npt.NDArray[np.int32],
    values: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """Add the outer product of each line with itself to the upper triangle of `out`, [columns, columns].

    places: rising for each line; values: what stands there. Whole numbers: the order of lines is no matter.
    """
    for line in range(len(starts) - 1):
        for at in range(starts[line], starts[line + 1]):
            value, row = values[at], out[places[at]]
            for other in range(at, starts[line + 1]):
                row[places[other]] += value * values[other]
