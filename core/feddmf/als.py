"""Alternating least squares on implicit feedback, and the sums over users that its item step needs.

Over the cells of users u and items i, with preference p = 1 and confidence c = 1 + alpha r where a pair is
observed and p = 0, c = 1 elsewhere:

    J = sum over cells of c (p - x_u . y_i)^2 + lambda (sum |x_u|^2 + sum |y_i|^2)

Every sum over all cells is a Gram matrix plus a sum over observed cells, so nothing here is dense. Sources:
Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets" (2008); Ammad-ud-din et al.,
"Federated collaborative filtering" (2019) for the item gradient. All arrays are float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import RunFailed

__all__ = [
    "Observed",
    "gradient",
    "gram",
    "least_squares",
    "majorised_step",
    "misfit",
    "on_grid",
    "packed",
    "packed_length",
    "solve_statistics",
    "statistics",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

# Floats of a block of padded rows: some 8 MiB, and as much again for what is made of it.
_BLOCK_FLOATS = 1 << 20
_GRID = 2.0**18


@dataclass(frozen=True, eq=False)
class Observed:
    """The observed cells of a matrix, row by row, with their confidences.

    indptr: int64 [rows + 1]; indices: column of each cell, [cells], below `columns`, no column twice in a
    row; confidences: float64 [cells].
    """

    indptr: npt.NDArray[np.int64]
    indices: Codes
    confidences: Floats
    columns: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    def keep_columns(self, kept: npt.NDArray[np.bool_]) -> Observed:
        """Return the same matrix with no observed cell outside the `kept` columns, bool [columns]."""
        inside = kept[self.indices]
        before = np.concatenate(([0], np.cumsum(inside)))
        return Observed(before[self.indptr], self.indices[inside], self.confidences[inside], self.columns)

    def take(self, rows: Codes) -> Observed:
        """Return the matrix of these rows, in this order."""
        counts = np.diff(self.indptr)[rows]
        indptr = _starts(counts)
        cells = np.repeat(self.indptr[rows] - indptr[:-1], counts) + np.arange(indptr[-1])
        return Observed(indptr, self.indices[cells], self.confidences[cells], self.columns)

    def transposed(self) -> Observed:
        """Return the matrix with rows and columns exchanged."""
        order = np.argsort(self.indices, kind="stable")
        rows = np.repeat(np.arange(self.rows), np.diff(self.indptr))
        indptr = _starts(np.bincount(self.indices, minlength=self.columns))
        return Observed(indptr, rows[order], self.confidences[order], self.rows)


def gram(factors: Floats) -> Floats:
    """Return the sum of x x^T over the rows x of `factors` [rows, rank], as [rank, rank]."""
    return factors.T @ factors


def least_squares(observed: Observed, factors: Floats, regularization: float) -> Floats:
    """Return the factors of all rows that minimise J where those of the columns are given, [rows, rank].

        x_u = (Y^T Y + sum_i (c_ui - 1) y_i y_i^T + lambda I)^-1 sum_i c_ui y_i, i over what u has

    The item step of ALS is the same on the transposed matrix. A row without observed cells gets zeros. Raises
    RunFailed where a row has no single solution.
    """
    base = gram(factors) + regularization * np.eye(factors.shape[1])
    solved = np.zeros((observed.rows, factors.shape[1]))
    for block in _blocks(observed, factors):
        solved[block.rows] = _solve(base + block.excess(), block.pull()[:, :, None])[:, :, 0]
    return solved


def gradient(observed: Observed, own: Floats, factors: Floats) -> Floats:
    """Return the gradient of J without lambda in the factors of the rows, as [rows, rank].

        g_i = -2 sum_u c_ui (p_ui - x_u . y_i) x_u
            = 2 (X^T X) y_i - 2 sum over observed u of (c_ui - (c_ui - 1) x_u . y_i) x_u

    observed: items by users; own: Y, [rows, rank]; factors: X, [columns, rank].
    """
    slope = 2 * own @ gram(factors)
    for block in _blocks(observed, factors):
        scores = block.scores(own)
        weights = block.confidences * (1 - scores) + scores  # [rows, width]
        slope[block.rows] -= 2 * (weights[:, None, :] @ block.factors)[:, 0]
    return slope


def statistics(observed: Observed, factors: Floats) -> Floats:
    """Return what the least squares of each row need, [rows, rank (rank + 1) / 2 + rank]; sums are additive.

    A_i = X^T X + sum over observed u of (c_ui - 1) x_u x_u^T, packed; then b_i = sum over observed u of
    c_ui x_u. observed: items by users; factors: X, [columns, rank].
    """
    length = packed_length(factors.shape[1])
    found = np.zeros((observed.rows, length + factors.shape[1]))
    found[:, :length] = packed(gram(factors))
    for block in _blocks(observed, factors):
        found[block.rows, :length] += packed(block.excess())
        found[block.rows, length:] = block.pull()
    return found


def solve_statistics(totals: Floats, rank: int, regularization: float) -> Floats:
    """Return (A_i + lambda I)^-1 b_i for each row of summed `statistics`, as [rows, rank].

    Raises RunFailed where a row has no single solution.
    """
    length = packed_length(rank)
    solved = np.empty((len(totals), rank))
    step = max(1, _BLOCK_FLOATS // rank**2)
    for start in range(0, len(totals), step):
        some = totals[start : start + step]
        matrices = _unpacked(some[:, :length], rank) + regularization * np.eye(rank)
        solved[start : start + step] = _solve(matrices, some[:, length:, None])[:, :, 0]
    return solved


def majorised_step(own: Floats, slope: Floats, packed_majoriser: Floats, regularization: float) -> Floats:
    """Return y - (M + lambda I)^-1 (g / 2 + lambda y) for each row y of `own`, [rows, rank].

    slope: g, the gradient of J without lambda, [rows, rank]; M, packed: at least sum_u c_ui x_u x_u^T for
    every item, in the order of semidefinite matrices. Half the second derivative of J in y_i is that sum plus
    lambda, so the step goes to the minimum of a parabola that lies over J and touches it at y: J never rises.
    Raises RunFailed where M + lambda is singular.
    """
    rank = own.shape[1]
    majoriser = _unpacked(packed_majoriser, rank) + regularization * np.eye(rank)
    # One matrix for all items, which are the columns of the right-hand side.
    return own - _solve(majoriser, (slope / 2 + regularization * own).T).T


def misfit(observed: Observed, own: Floats, factors: Floats) -> float:
    """Return the sum over all cells of c (p - x . y)^2; own: [rows, rank], factors: [columns, rank]."""
    total = float(np.vdot(gram(own), gram(factors)))
    for block in _blocks(observed, factors):
        scores = block.scores(own)
        total += float(np.vdot(block.confidences, (1 - scores) ** 2)) - float(np.vdot(scores, scores))
    return total


def on_grid(factors: Floats) -> Floats:
    """Return `factors` rounded to multiples of 2^-18.

    Products of two such are multiples of 2^-36, and their sums are exact in any order while they stay under
    2^17, also with confidences that are whole numbers.
    """
    return np.rint(factors * _GRID) / _GRID


def packed_length(rank: int) -> int:
    """Return the number of entries on and above the diagonal."""
    return rank * (rank + 1) // 2


def packed(matrices: Floats) -> Floats:
    """Return the entries on and above the diagonal of symmetric [..., rank, rank], row by row."""
    upper = np.triu_indices(matrices.shape[-1])
    return matrices[..., upper[0], upper[1]]


def _unpacked(entries: Floats, rank: int) -> Floats:
    rows, columns = np.triu_indices(rank)
    matrices = np.empty((*entries.shape[:-1], rank, rank))
    matrices[..., rows, columns] = entries
    matrices[..., columns, rows] = entries
    return matrices


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows with about equally many observed cells; behind its cells each row is padded with zeros.

    rows: [n]; factors: those of the observed columns, [n, width, rank]; confidences: [n, width].
    """

    rows: Codes
    factors: Floats
    confidences: Floats

    def excess(self) -> Floats:
        """Return the sum of (c - 1) y y^T over the observed cells of each row, [n, rank, rank]."""
        weighted = self.factors * (self.confidences - 1)[:, :, None]
        return weighted.transpose(0, 2, 1) @ self.factors

    def pull(self) -> Floats:
        """Return the sum of c y over the observed cells of each row, [n, rank]."""
        return (self.confidences[:, None, :] @ self.factors)[:, 0]

    def scores(self, own: Floats) -> Floats:
        """Return x . y for each cell, [n, width]; 0 in the padding."""
        return (self.factors @ own[self.rows][:, :, None])[:, :, 0]


def _blocks(observed: Observed, factors: Floats) -> Iterator[_Block]:
    """Yield all rows that have observed cells, those with about equally many at a time."""
    counts = np.diff(observed.indptr)
    order = np.argsort(counts, kind="stable")
    counts, rank = counts[order], factors.shape[1]
    padded = np.vstack((factors, np.zeros(rank)))
    start = int(np.searchsorted(counts, 1))
    while start < len(order):
        widest = 2 * int(counts[start])
        most = max(1, _BLOCK_FLOATS // (rank * max(widest, rank)))
        stop = min(start + most, int(np.searchsorted(counts, widest, side="right")))
        rows, places = order[start:stop], np.arange(counts[stop - 1])
        inside = places < counts[start:stop, None]  # [n, width]
        cells = np.where(inside, observed.indptr[rows, None] + places, 0)
        columns = np.where(inside, observed.indices[cells], len(factors))
        yield _Block(rows, padded[columns], observed.confidences[cells] * inside)
        start = stop


def _starts(counts: Codes) -> npt.NDArray[np.int64]:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _solve(matrices: Floats, right: Floats) -> Floats:
    try:
        solved = np.linalg.solve(matrices, right).astype(np.float64, copy=False)
    except np.linalg.LinAlgError as error:
        raise RunFailed(
            "the least squares of the factors have no single solution: regularization is too small for them",
            hint="raise fcf.regularization, or lower fcf.rank",
        ) from error
    return solved
