"""Who has which of some items: a sparse matrix of zeros and ones that is multiplied and never written out.

Small ones are multiplied by numpy, a block of dense rows at a time; for large ones compiled kernels add up
what is there, so that cost grows with the pairs and not with the cells. Counts are exact either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions

__all__ = ["Incidence", "summed_rows"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Multiplications of dense rows that take about as long as a compiled kernel takes to load; writing a cell out
# takes as long as so many of them.
_MOST_DENSE = 1 << 32
_WRITING = 100
# Cells that are made dense at once: 32 MiB.
_BLOCK_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class Incidence:
    """A matrix [lines, columns] of zeros and ones in compressed sparse rows.

    starts: int64 [lines + 1]; places: int32 [ones], the columns of each line's ones.
    """

    starts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]
    columns: int

    @classmethod
    def of(cls, data: Interactions, codes: Codes) -> Incidence:
        """Return which users of `data` have which of item `codes`, [users, codes]."""
        chosen = data.columns(codes)
        return cls(chosen.indptr, chosen.indices, len(codes))

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.starts) - 1

    @property
    def ones(self) -> int:
        """Number of ones."""
        return len(self.places)

    @cached_property
    def _turned(self) -> Incidence:
        """The transpose, [columns, lines]."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.places, minlength=self.columns))])
        line = np.repeat(np.arange(self.lines, dtype=np.int32), np.diff(self.starts))
        return Incidence(starts, line[np.argsort(self.places, kind="stable")], self.lines)

    def handed(self, other: Incidence, matrix: Floats) -> Floats:
        """Return its transpose times `other` times `matrix` [columns of other, k], float64 [columns, k]."""
        sums = np.zeros((self.columns, matrix.shape[1]))
        exact = np.ascontiguousarray(matrix, dtype=np.float64)
        if _is_large(self.lines * (self.columns + other.columns), matrix.shape[1]):
            from feddmf.kernels.gram import hand_on

            hand_on(other.starts, other.places, self.starts, self.places, exact, sums)
            return sums
        for lines in self._blocks(max(self.columns, other.columns)):
            sums += self.dense(lines).T @ (other.dense(lines) @ exact)
        return sums

    def dense(self, lines: slice | npt.NDArray[np.int64] = slice(None)) -> Floats:
        """Return `lines` of it written out, [lines, columns]."""
        chosen = np.arange(self.lines)[lines]
        lengths = np.diff(self.starts)[chosen]
        rows = np.repeat(np.arange(len(chosen)), lengths)
        ends = np.cumsum(lengths)
        at = np.arange(len(rows)) + np.repeat(self.starts[chosen] - ends + lengths, lengths)
        written = np.zeros((len(chosen), self.columns))
        written[rows, self.places[at]] = 1.0
        return written

    def together(self, other: Incidence) -> Floats:
        """Return its transpose times `other` [lines, columns of other]: how many lines have both."""
        counts = np.zeros((self.columns, other.columns))
        if _is_large(self.lines * self.columns, other.columns):
            from feddmf.kernels.gram import count_pairs, count_together

            count = count_pairs if other is self else count_together
            count(self._turned.starts, self._turned.places, other.starts, other.places, counts)
            return counts
        for lines in self._blocks(max(self.columns, other.columns)):
            left = self.dense(lines)
            counts += left.T @ (left if other is self else other.dense(lines))
        return counts

    def _blocks(self, columns: int) -> Iterator[slice]:
        step = max(1, _BLOCK_CELLS // max(1, columns))
        for first in range(0, self.lines, step):
            yield slice(first, first + step)


def summed_rows(
    starts: npt.NDArray[np.int64],
    places: npt.NDArray[np.int32],
    row_of: npt.NDArray[np.int32],
    matrix: npt.NDArray[np.floating],
) -> Floats:
    """Return for each line the sum of the rows `row_of[place]` of `matrix` over its places, [lines, k].

    starts: int64 [lines + 1], places: int32 [ones], compressed sparse rows; row_of: int32, -1 for a place
    that does not count.
    """
    lines, columns = len(starts) - 1, matrix.shape[1]
    sums = np.zeros((lines, columns))
    exact = np.ascontiguousarray(matrix, dtype=np.float64)
    if _is_large(lines * len(exact), columns):
        from feddmf.kernels.gram import sum_rows

        sum_rows(starts, places, row_of, exact, sums)
        return sums
    step = max(1, _BLOCK_CELLS // max(1, len(exact)))
    for first in range(0, lines, step):
        last = min(first + step, lines)
        pairs = slice(starts[first], starts[last])
        rows = np.repeat(np.arange(last - first), np.diff(starts[first : last + 1]))
        found = row_of[places[pairs]]
        block = np.zeros((last - first, len(exact)))
        block[rows[found >= 0], found[found >= 0]] = 1.0
        sums[first:last] = block @ exact
    return sums


def _is_large(cells: int, width: int) -> bool:
    """Tell whether so many cells, written out and multiplied with `width` columns, are many."""
    return cells * (width + _WRITING) >= _MOST_DENSE
