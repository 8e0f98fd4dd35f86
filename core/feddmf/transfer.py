"""Linear transfer: ridge from matched to offered items, truncated to a low rank in the metric of its data.

Source: reduced-rank ridge regression (Mukherjee and Zhu, 2011). With X [users, matched] and E [users,
offered] binary, W = (X^T X + r I)^-1 X^T E, and V the leading eigenvectors of E^T X W, the contexts are
C = W V and the targets T = V: a user's scores are the sum of C over the matched items that the user has,
times T^T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import RunFailed
from feddmf.interactions import Interactions

__all__ = ["LinearMap", "fit_linear_map", "sum_contexts"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# Cells that are made dense at once: 32 MiB.
_BLOCK_CELLS = 1 << 22


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map of low rank from inputs to outputs.

    contexts: [inputs, rank]; targets: [outputs, rank], with orthonormal columns; columns behind the first
    `effective` ones, which is all that the data carries, are zero. loss: mean squared error over the
    users and outputs that it was fitted on.
    """

    contexts: Floats
    targets: Floats
    effective: int
    loss: float


@dataclass(frozen=True, eq=False)
class _Ridge:
    """A ridge regression, solved; E^T X W = factor^T image, and W = lift weights (weights without a lift)."""

    factor: Floats  # [small, outputs]
    image: Floats  # [small, outputs]
    weights: Floats  # [small, outputs]
    lift: Floats | None  # [inputs, small]
    ones: int  # cells of E that are 1


def fit_linear_map(
    data: Interactions, inputs: Codes, outputs: Codes, *, ridge: float, rank: int
) -> LinearMap:
    """Fit item codes `outputs` from item codes `inputs` on all users of `data`; values do not count.

    The system that is solved has as many unknowns as there are inputs or users, whichever is fewer. The
    largest entry of each target column is positive, so that no sign is left to chance. Without inputs
    or outputs the map is zero.
    """
    contexts, targets = np.zeros((len(inputs), rank)), np.zeros((len(outputs), rank))
    cells = data.users * len(outputs)
    if not cells:
        return LinearMap(contexts, targets, 0, 0.0)
    solve = _by_inputs if len(inputs) <= data.users else _by_users
    solved = solve(data, inputs, outputs, ridge)
    values, vectors = _leading(solved.factor, solved.image, rank)
    effective = len(values)
    weights = solved.weights @ vectors
    contexts[:, :effective] = weights if solved.lift is None else solved.lift @ weights
    targets[:, :effective] = vectors
    # |E - X C T^T|^2, by V^T E^T X W V = diag(values) = C^T (X^T X + r I) C.
    error = solved.ones - values.sum() - ridge * np.square(contexts).sum()
    return LinearMap(contexts, targets, effective, max(float(error) / cells, 0.0))


def sum_contexts(data: Interactions, items: Codes, contexts: npt.NDArray[np.floating]) -> Floats:
    """Return for each user the sum of `contexts` [items, rank] over those of item codes `items` it has."""
    sums = np.zeros((data.users, contexts.shape[1]))
    for first, (block,) in _dense_blocks(data, items):
        sums[first : first + len(block)] = block @ contexts
    return sums


def _by_inputs(data: Interactions, inputs: Codes, outputs: Codes, ridge: float) -> _Ridge:
    """Solve (X^T X + r I) W = X^T E."""
    gram = ridge * np.eye(len(inputs))
    cross, ones = np.zeros((len(inputs), len(outputs))), 0
    for _, (x, e) in _dense_blocks(data, inputs, outputs):
        gram += x.T @ x
        cross += x.T @ e
        ones += int(e.sum())
    weights = _solve(gram, cross)
    return _Ridge(cross, weights, weights, None, ones)


def _by_users(data: Interactions, inputs: Codes, outputs: Codes, ridge: float) -> _Ridge:
    """Solve (X X^T + r I) A = E; then W = X^T A and X W = E - r A."""
    blocks = [block for _, block in _dense_blocks(data, inputs, outputs)]
    x, e = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    dual = _solve(x @ x.T + ridge * np.eye(data.users), e)
    return _Ridge(e, e - ridge * dual, dual, x.T, int(e.sum()))


def _solve(system: Floats, right: Floats) -> Floats:
    try:
        return np.linalg.solve(system, right).astype(np.float64, copy=False)
    except np.linalg.LinAlgError as error:
        raise RunFailed(
            "the ridge regression has no solution: transfer.ridge is too small for what the items share",
            hint="raise transfer.ridge in the run file",
        ) from error


def _leading(factor: Floats, image: Floats, rank: int) -> tuple[Floats, Floats]:
    """Return the leading eigenvalues [r] and eigenvectors [outputs, r] of factor^T image, r at most `rank`.

    Where there are fewer rows than outputs, eigenvectors are looked for in the rows' span alone.
    """
    small, outputs = factor.shape
    if not small:
        return np.zeros(0), np.zeros((outputs, 0))
    if outputs <= small:
        basis, metric = None, factor.T @ image
    else:
        basis, triangle = np.linalg.qr(factor.T)  # [outputs, small], [small, small]
        metric = triangle @ (image @ basis)
    values, vectors = np.linalg.eigh((metric + metric.T) / 2)
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    carried = int((values > values[0] * len(metric) * np.finfo(np.float64).eps).sum()) if values[0] > 0 else 0
    values, vectors = values[:carried], vectors[:, :carried]
    vectors = vectors if basis is None else basis @ vectors
    largest = np.abs(vectors).argmax(axis=0)
    return values, vectors * np.sign(vectors[largest, np.arange(carried)])


def _dense_blocks(data: Interactions, *columns: Codes) -> Iterator[tuple[int, tuple[Floats, ...]]]:
    """Yield the first user of each block, and who of it has which of each list of item codes, 0 or 1."""
    places = []
    for codes in columns:
        place = np.full(data.items, -1, dtype=np.int64)
        place[codes] = np.arange(len(codes))
        places.append(place)
    step = max(1, _BLOCK_CELLS // max(1, *(len(codes) for codes in columns)))
    for first in range(0, data.users, step):
        last = min(first + step, data.users)
        pairs = slice(data.indptr[first], data.indptr[last])
        rows = np.repeat(np.arange(last - first), np.diff(data.indptr[first : last + 1]))
        blocks = []
        for codes, place in zip(columns, places, strict=True):
            found = place[data.indices[pairs]]
            block = np.zeros((last - first, len(codes)))
            block[rows[found >= 0], found[found >= 0]] = 1.0
            blocks.append(block)
        yield first, tuple(blocks)
