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

from feddmf.errors import RunFailed
from feddmf.incidence import Incidence, summed_rows
from feddmf.interactions import Interactions
from feddmf.leading import signed
from feddmf.ridge import choose_ridge
from feddmf.wide_ridge import WideRidge, is_wide

__all__ = ["MOST_INPUTS", "LinearMap", "fit_linear_map", "sum_contexts"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

MOST_INPUTS = 10_000
"""Inputs that a party should fit a map from: with more, a system takes gigabytes and minutes."""

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
    # Sorted, since the table is: then its columns need not be.
    left, right = np.argsort(inputs), np.argsort(outputs)
    x, e = Incidence.of(data, inputs[left]), Incidence.of(data, outputs[right])
    _, *own = np.intersect1d(inputs[left], outputs[right], return_indices=True)
    if is_wide(data.users, len(inputs), len(outputs)):
        found = WideRidge(x, e, weight, (own[0], own[1])).reduced(rank)
    else:
        found = _reduced(x, e, weight, (own[0], own[1]), rank)
    effective = found[1].shape[1]
    contexts[left, :effective], targets[right, :effective] = found[:2]
    return LinearMap(contexts, targets, effective, max(found[2] / cells, 0.0), weight)


def sum_contexts(data: Interactions, items: Codes, contexts: npt.NDArray[np.floating]) -> Floats:
    """Return for each user the sum of `contexts` [items, rank] over those of item codes `items` it has."""
    row_of = np.full(data.items, -1, dtype=np.int32)
    row_of[items] = np.arange(len(items))
    return summed_rows(data.indptr, data.indices, row_of, contexts)


def _reduced(x: Incidence, e: Incidence, ridge: float, own: _Own, rank: int) -> tuple[Floats, Floats, float]:
    """Return contexts [inputs, r], targets [outputs, r], r at most `rank`, and the summed squared error."""
    solved = (_by_inputs if x.columns <= x.lines else _by_users)(x, e, ridge, own)
    values, targets = _leading(solved.factor, solved.image, rank)
    contexts = solved.weights @ targets
    if solved.lift is not None:
        contexts = solved.lift @ contexts
        contexts[own[0]] -= solved.itself[own[1], None] * targets[own[1]]
    # |E - X C T^T|^2 = |E|^2 - 2 tr(V^T E^T X C) + |X C|^2.
    if len(own[0]):
        explained = 2 * np.vdot(solved.cross @ targets, solved.image @ targets) - values.sum()
    else:
        explained = values.sum() + ridge * np.square(contexts).sum()
    return contexts, targets, float(e.ones - explained)


def _by_inputs(x: Incidence, e: Incidence, ridge: float, own: _Own) -> _Ridge:
    """Solve (X^T X + r I) W = X^T E."""
    gram, cross = x.together(x), x.together(e)
    gram.flat[:: len(gram) + 1] += ridge
    weights, itself = _solve(gram, cross), np.zeros(e.columns)
    if not len(own[0]):
        return _Ridge(cross, cross, weights, weights, None, itself)
    itself[own[1]] = weights[own]
    weights = weights / (1 - itself)
    weights[own] = 0.0
    return _Ridge(cross, gram @ weights - ridge * weights, weights, weights, None, itself)


def _by_users(x: Incidence, e: Incidence, ridge: float, own: _Own) -> _Ridge:
    """Solve (X X^T + r I) A = E; then W = X^T A but for `itself`, and X W = E - r A."""
    lift, truth = x.dense().T, e.dense()
    dual, itself = _solve(lift.T @ lift + ridge * np.eye(x.lines), truth), np.zeros(e.columns)
    if not len(own[0]):
        return _Ridge(truth, truth, truth - ridge * dual, dual, lift, itself)
    itself[own[1]] = np.einsum("uo,uo->o", truth[:, own[1]], dual[:, own[1]])
    dual = dual / (1 - itself)
    fitted = truth - ridge * dual
    return _Ridge(truth, fitted, fitted, dual, lift, itself / (1 - itself))


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
    return values, signed(vectors if basis is None else basis @ vectors)
