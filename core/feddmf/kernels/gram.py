"""Products with a table of zeros and ones in compressed sparse rows: one addition for each one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled

__all__ = ["count_pairs", "count_together", "hand_on", "sum_rows"]

Starts = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

# Side of a square that stays in the first cache while it is turned.
_SQUARE = 32


@compiled
def count_together(left_starts: Starts, lines: Places, starts: Starts, places: Places, out: Floats) -> None:
    """Write how many lines have both, for each left and each right column, to `out`, [left, right].

    left_starts, lines: the lines of each left column; starts, places: the right columns of each line. A row
    of counts stays in a near cache, however many lines there are.
    """
    counts = np.empty(out.shape[1], np.int32)
    for column in range(len(out)):
        counts[:] = 0
        for at in range(left_starts[column], left_starts[column + 1]):
            line = lines[at]
            for place in range(starts[line], starts[line + 1]):
                counts[places[place]] += 1
        out[column] = counts


@compiled
def count_pairs(column_starts: Starts, lines: Places, starts: Starts, places: Places, out: Floats) -> None:
    """Do as `count_together` with the same columns on both sides, [columns, columns], at half of the cost.

    lines: rising for each column; places: rising for each line.
    """
    size = len(out)
    counts = np.empty(size, np.int32)
    first = starts[:-1].copy()  # of each line's ones, the first that is not to the left of the column
    for column in range(size):
        counts[column:] = 0
        for at in range(column_starts[column], column_starts[column + 1]):
            line = lines[at]
            for place in range(first[line], starts[line + 1]):
                counts[places[place]] += 1
            first[line] += 1
        out[column, column:] = counts[column:]
    for top in range(0, size, _SQUARE):
        for left in range(0, top + 1, _SQUARE):
            for row in range(top, min(top + _SQUARE, size)):
                for column in range(left, min(left + _SQUARE, row)):
                    out[row, column] = out[column, row]


@compiled
def sum_rows(starts: Starts, places: Places, row_of: Places, matrix: Floats, out: Floats) -> None:
    """Write the sum of the rows `row_of[place]` of `matrix` over each line's places to `out`, [lines, k].

    row_of: -1 for a place that does not count.
    """
    for line in range(len(out)):
        sums = out[line]
        sums[:] = 0
        for at in range(starts[line], starts[line + 1]):
            row = row_of[places[at]]
            if row >= 0:
                found = matrix[row]
                for column in range(len(sums)):
                    sums[column] += found[column]


@compiled
def hand_on(  # noqa: PLR0917  (kernels are called by position)
    from_starts: Starts, from_places: Places, starts: Starts, places: Places, matrix: Floats, out: Floats
) -> None:
    """Add to `out` [columns, k] the transpose of one table times another times `matrix` [other columns, k].

    from_starts, from_places: the table that meets the matrix; starts, places: the one that is turned. Nothing
    is kept of a line.
    """
    width = matrix.shape[1]
    sums = np.empty(width, np.float64)
    for line in range(len(starts) - 1):
        if starts[line] == starts[line + 1]:
            continue
        sums[:] = 0
        for at in range(from_starts[line], from_starts[line + 1]):
            found = matrix[from_places[at]]
            for column in range(width):
                sums[column] += found[column]
        for at in range(starts[line], starts[line + 1]):
            total = out[places[at]]
            for column in range(width):
                total[column] += sums[column]
