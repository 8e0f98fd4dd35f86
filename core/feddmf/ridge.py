"""The weight of a ridge regression, chosen by its error for users that are left out one by one.

Source: PRESS (Allen, 1974). With H the hat matrix of the inputs X, the outputs E of user u are predicted by
a fit without u with the error (e_u - (H E)_u) / (1 - H_uu). With X^T X = V diag(l) V^T and B = X V,
H = B diag(1 / (l + r)) B^T, so one decomposition serves every weight r.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.dense_blocks import dense_blocks
from feddmf.interactions import Interactions

__all__ = ["choose_ridge"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_STEPS = 17
_WEIGHTS = 2.0 ** np.arange(_STEPS)
# Users that are left out; all others help to fit. More of them move the choice by less than a step.
_MOST_USERS = 512


@dataclass(frozen=True, eq=False)
class _Problem:
    """A ridge regression by eigenvalues l, as it looks to the users who are left out."""

    values: Floats  # [small]
    left: Floats  # B of the users, [users, small]
    right: Floats  # B^T E of everybody, [small, outputs]
    truth: Floats  # [users, outputs]


def choose_ridge(data: Interactions, inputs: Codes, outputs: Codes) -> float:
    """Return the ridge with which item codes `inputs` best predict item codes `outputs` of users left out.

    Weights from 1 to 65536 are tried in powers of two, then the lowest point of a parabola through the best
    and its neighbours is taken. The error is the squared one: on the data sets looked at it chose about what
    average precision would have chosen, and it needs no sorting. An output that is an input too has itself
    to tell it: such outputs count only where there are no others, and then every second of them is taken
    from the inputs. Where there is nothing to fit, every weight is as good.
    """
    both = np.intersect1d(inputs, outputs)
    asked = np.setdiff1d(outputs, both)
    if not len(asked):
        asked = both[::2]
        inputs = np.setdiff1d(inputs, asked)
    if not (len(inputs) and len(asked) and data.users):
        return float(_WEIGHTS[0])
    problem = (_by_inputs if len(inputs) <= data.users else _by_users)(data, inputs, asked)
    return _lowest(np.array([_error(problem, weight) for weight in _WEIGHTS]))


def _by_inputs(data: Interactions, inputs: Codes, outputs: Codes) -> _Problem:
    gram, cross = np.zeros((len(inputs),) * 2), np.zeros((len(inputs), len(outputs)))
    chosen, rows, truth = _left_out(data.users), [], []
    for first, (x, e) in dense_blocks(data, inputs, outputs):
        gram += x.T @ x
        cross += x.T @ e
        within = chosen[(chosen >= first) & (chosen < first + len(x))] - first
        rows.append(x[within])
        truth.append(e[within])
    values, vectors = np.linalg.eigh(gram)
    left = np.concatenate(rows) @ vectors
    return _Problem(np.maximum(values, 0), left, vectors.T @ cross, np.concatenate(truth))


def _by_users(data: Interactions, inputs: Codes, outputs: Codes) -> _Problem:
    blocks = [block for _, block in dense_blocks(data, inputs, outputs)]
    x, e = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    values, vectors = np.linalg.eigh(x @ x.T)
    values = np.maximum(values, 0)
    lengths = np.sqrt(values)  # of the columns of B
    chosen = _left_out(data.users)
    return _Problem(values, vectors[chosen] * lengths, lengths[:, None] * (vectors.T @ e), e[chosen])


def _left_out(users: int) -> npt.NDArray[np.int64]:
    """Return user codes, evenly spaced."""
    return np.unique(np.linspace(0, users - 1, min(users, _MOST_USERS)).astype(np.int64))


def _error(problem: _Problem, weight: float) -> float:
    """Return the mean squared error over the users left out and all outputs."""
    shrink = 1 / (problem.values + weight)
    residuals = problem.truth - (problem.left * shrink) @ problem.right
    residuals /= 1 - (np.square(problem.left) @ shrink)[:, None]
    return float(np.square(residuals).mean())


def _lowest(errors: Floats) -> float:
    """Return the weight at the lowest point of `errors` [steps]."""
    best = int(errors.argmin())
    if best in {0, _STEPS - 1}:
        return float(_WEIGHTS[best])
    before, at, after = errors[best - 1 : best + 2]
    curvature = before - 2 * at + after
    shift = 0.5 * (before - after) / curvature if curvature > 0 else 0.0
    return float(_WEIGHTS[best] * 2.0**shift)
