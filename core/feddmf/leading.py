"""The leading eigenvectors of a symmetric matrix that can be multiplied but is never written out.

A block Lanczos method that starts again from its best vectors, so that memory is bounded: the basis grows by
what the matrix makes of the best vectors beside themselves. Source: Golub and Underwood, The block Lanczos
method for computing eigenvalues (1977); restarts after Stathopoulos, Saad and Wu (1998).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["leading_eigenvectors", "signed"]

Floats = npt.NDArray[np.float64]

# A basis of so many blocks of `rank` vectors starts again from two of them.
_MOST_BLOCKS = 6
# The sum of the leading eigenvalues has grown by less than this share of it: further vectors explain nothing.
_STILL = 1e-6
_MOST_STEPS = 60
# Of a vector's length, or of its square beside others: what is left of it is rounding.
_ROUNDING = 1e-10


def leading_eigenvectors(times: Callable[[Floats], Floats], size: int, rank: int) -> tuple[Floats, Floats]:
    """Return the `rank` largest eigenvalues [r], falling, and their eigenvectors [size, r], orthonormal.

    times: what the matrix [size, size], without negative eigenvalues, makes of vectors [size, k]. r is less
    than `rank` where the matrix carries less. A matrix of few times `rank` lines is decomposed whole. Else
    the sum of the eigenvalues is within a few millionths of the largest possible, and the same on each call.
    """
    if size <= _MOST_BLOCKS * rank:
        return _decomposed(times(np.eye(size)), rank)
    start = generator(0, "leading eigenvectors").standard_normal((size, rank))
    basis = _new_directions(start, np.zeros((size, 0)))
    images, total = times(basis), 0.0
    for _ in range(_MOST_STEPS):
        values, turn = _ordered(basis.T @ images)
        before, total = total, float(values[:rank].sum())
        if total - before <= _STILL * total:
            break
        if basis.shape[1] + rank > _MOST_BLOCKS * rank:
            basis, images = basis @ turn[:, : 2 * rank], images @ turn[:, : 2 * rank]
            turn = np.eye(basis.shape[1])
        best = turn[:, :rank]
        added = _new_directions(images @ best - (basis @ best) * values[:rank], basis)
        if not added.shape[1]:
            break
        basis, images = np.hstack([basis, added]), np.hstack([images, times(added)])
    values, turn = _ordered(basis.T @ images)
    values = _carried(values[:rank], size)
    return values, signed(basis @ turn[:, : len(values)])


def signed(vectors: Floats) -> Floats:
    """Return `vectors` [size, r], the largest entry of each positive, so that no sign is left to chance."""
    if not vectors.size:
        return vectors
    largest = np.abs(vectors).argmax(axis=0)
    turned: Floats = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return turned


def _decomposed(matrix: Floats, rank: int) -> tuple[Floats, Floats]:
    values, vectors = _ordered(matrix)
    values = _carried(values[:rank], len(matrix))
    return values, signed(vectors[:, : len(values)])


def _ordered(matrix: Floats) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return values[::-1], vectors[:, ::-1]


def _carried(values: Floats, size: int) -> Floats:
    """Return those of falling `values` that are more than rounding."""
    if not len(values) or values[0] <= 0:
        return values[:0]
    kept: Floats = values[values > values[0] * size * np.finfo(np.float64).eps]
    return kept


def _new_directions(vectors: Floats, basis: Floats) -> Floats:
    """Return an orthonormal basis of what `vectors` hold beside `basis`, which may be nothing."""
    lengths = np.linalg.norm(vectors, axis=0)
    kept = lengths > _ROUNDING * lengths.max(initial=0)
    beside: Floats = vectors[:, kept] / lengths[kept]
    for _ in range(2):  # once leaves rounding of the first
        beside = _orthonormal(beside - basis @ (basis.T @ beside))
    return beside


def _orthonormal(vectors: Floats) -> Floats:
    """Return an orthonormal basis of `vectors` of length 1 or less, by their Gram matrix."""
    values, turn = np.linalg.eigh(vectors.T @ vectors)
    kept = values > _ROUNDING
    basis: Floats = vectors @ (turn[:, kept] / np.sqrt(values[kept]))
    return basis
