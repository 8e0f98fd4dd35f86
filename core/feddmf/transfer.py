"""Linear transfer: ridge from matched to offered items, truncated to a low rank in the metric of its data.

Source: reduced-rank ridge regression (Mukherjee and Zhu, 2011). With X [users, matched] and E [users,
offered] binary, W = (X^T X + r I)^-1 X^T E, and V the leading eigenvectors of E^T X W, the contexts are
C = W V and the targets T = V: a user's scores are the sum of C over the matched items that the user has,
times T^T.

An offered item that is matched too, and that only parties without it ask for, is fitted without itself: with
B the ridge on all inputs, its column of W is B_ij / (1 - B_jj), and 0 at itself (as Steck, 2019, does for all
items at once). Where there are such items V are the leading eigenvectors of (X W)^T X W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from feddmf.dense_blocks import dense_blocks
from feddmf.errors import RunFailed
from feddmf.interactions import Interactions
from feddmf.ridge import choose_ridge

__all__ = ["LinearMap", "fit_linear_map", "sum_contexts"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# Places among the inputs, and among the outputs, of the items that are both.
_Own = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map of low rank from inputs to outputs.

    contexts: [inputs, rank]; targets: [outputs, rank], with orthonormal columns; columns behind the first
    `effective` ones, which is all that the data carries, are zero. loss: mean squared error over the
    users and outputs that it was fitted on. ridge: the weight that it was fitted with.
    """

    contexts: Floats
    targets: Floats
    effective: int
    loss: float
    ridge: float


@dataclass(frozen=True, eq=False)
class _Ridge:
    """A ridge regression, solved: W = lift weights (weights without a lift), V are those of factor^T image.

    E^T X W = cross^T image. With a lift, `itself` is what W has at an output that is an input and must not.
    """

    cross: Floats  # [small, outputs]
    factor: Floats  # [small, outputs]
    image: Floats  # [small, outputs]
    weights: Floats  # [small, outputs]
    lift: Floats | None  # [inputs, small]
    itself: Floats  # [outputs]
    ones: int  # cells of E that are 1


def fit_linear_map(
    data: Interactions, inputs: Codes, outputs: Codes, *, ridge: float | Literal["auto"], rank: int
) -> LinearMap:
    """Fit item codes `outputs` from item codes `inputs` on all users of `data`; values do not count.

    The system that is solved has as many unknowns as there are inputs or users, whichever is fewer. The
    largest entry of each target column is positive, so that no sign is left to chance. Without inputs
    or outputs the map is zero. An output that is an input too is fitted on the other inputs. With ridge
    "auto" the weight is that of `feddmf.ridge.choose_ridge`.
    """
    weight = choose_ridge(data, inputs, outputs) if ridge == "auto" else ridge
    contexts, targets = np.zeros((len(inputs), rank)), np.zeros((len(outputs), rank))
    cells = data.users * len(outputs)
    if not cells:
        return LinearMap(contexts, targets, 0, 0.0, weight)
    _, *own = np.intersect1d(inputs, outputs, return_indices=True)
    solve = _by_inputs if len(inputs) <= data.users else _by_users
    solved = solve(data, inputs, outputs, weight, (own[0], own[1]))
    values, vectors = _leading(solved.factor, solved.image, rank)
    effective = len(values)
    weights = solved.weights @ vectors
    if solved.lift is not None:
        weights = solved.lift @ weights
        weights[own[0]] -= solved.itself[own[1], None] * vectors[own[1]]
    contexts[:, :effective], targets[:, :effective] = weights, vectors
    # |E - X C T^T|^2 = |E|^2 - 2 tr(V^T E^T X C) + |X C|^2.
    if len(own[0]):
        explained = 2 * np.vdot(solved.cross @ vectors, solved.image @ vectors) - values.sum()
    else:
        explained = values.sum() + weight * np.square(contexts).sum()
    loss = max(float(solved.ones - explained) / cells, 0.0)
    return LinearMap(contexts, targets, effective, loss, weight)


def sum_contexts(data: Interactions, items: Codes, contexts: npt.NDArray[np.floating]) -> Floats:
    """Return for each user the sum of `contexts` [items, rank] over those of item codes `items` it has."""
    sums = np.zeros((data.users, contexts.shape[1]))
    for first, (block,) in dense_blocks(data, items):
        sums[first : first + len(block)] = block @ contexts
    return sums


def _by_inputs(data: Interactions, inputs: Codes, outputs: Codes, ridge: float, own: _Own) -> _Ridge:
    """Solve (X^T X + r I) W = X^T E."""
    gram = ridge * np.eye(len(inputs))
    cross, ones = np.zeros((len(inputs), len(outputs))), 0
    for _, (x, e) in dense_blocks(data, inputs, outputs):
        gram += x.T @ x
        cross += x.T @ e
        ones += int(e.sum())
    weights, itself = _solve(gram, cross), np.zeros(len(outputs))
    if not len(own[0]):
        return _Ridge(cross, cross, weights, weights, None, itself, ones)
    itself[own[1]] = weights[own]
    weights = weights / (1 - itself)
    weights[own] = 0.0
    return _Ridge(cross, gram @ weights - ridge * weights, weights, weights, None, itself, ones)


def _by_users(data: Interactions, inputs: Codes, outputs: Codes, ridge: float, own: _Own) -> _Ridge:
    """Solve (X X^T + r I) A = E; then W = X^T A but for `itself`, and X W = E - r A."""
    blocks = [block for _, block in dense_blocks(data, inputs, outputs)]
    x, e = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    dual, itself = _solve(x @ x.T + ridge * np.eye(data.users), e), np.zeros(len(outputs))
    if not len(own[0]):
        return _Ridge(e, e, e - ridge * dual, dual, x.T, itself, int(e.sum()))
    itself[own[1]] = np.einsum("uo,uo->o", e[:, own[1]], dual[:, own[1]])
    dual = dual / (1 - itself)
    fitted = e - ridge * dual
    return _Ridge(e, fitted, fitted, dual, x.T, itself / (1 - itself), int(e.sum()))


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
    if not small or not rank:
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
