"""The weight of a ridge regression, chosen by its error for users that are left out one by one.

Source: PRESS (Allen, 1974). With H the hat matrix of the inputs X, the outputs E of user u are predicted by
a fit without u with the error (e_u - (H E)_u) / (1 - H_uu). With X^T X = V diag(l) V^T and B = X V,
H = B diag(1 / (l + r)) B^T, so one decomposition serves every weight r.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.incidence import Incidence
from feddmf.interactions import Interactions
from feddmf.support import most_used

__all__ = ["choose_ridge"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_STEPS = 17
_WEIGHTS = 2.0 ** np.arange(_STEPS)
# Users that are left out; all others help to fit. More of them move the choice by less than a step.
_MOST_USERS = 512
# Of more inputs, where users are more too, those that most users have: half of all inputs move the choice by
# a tenth, an eighth by a quarter, and the error is almost flat there. Of more outputs some, evenly spaced.
_MOST_INPUTS = 1536
_MOST_OUTPUTS = 1536


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
    from the inputs. Where there is nothing to fit, every weight is as good. Of many inputs only those that
    most users have are looked at, and of many outputs a part.
    """
    both = np.intersect1d(inputs, outputs)
    asked = np.setdiff1d(outputs, both)
    if not len(asked):
        asked = both[::2]
        inputs = np.setdiff1d(inputs, asked)
    if not (len(inputs) and len(asked) and data.users):
        return float(_WEIGHTS[0])
    if data.users > _MOST_INPUTS:
        inputs = inputs[most_used(data.item_counts()[inputs], _MOST_INPUTS)]
    inputs = np.sort(inputs)
    asked = asked[_spaced(len(asked), _MOST_OUTPUTS)]
    x, e = (Incidence.of(data, codes) for codes in (inputs, asked))
    problem = (_by_inputs if len(inputs) <= data.users else _by_users)(x, e)
    return _lowest(np.array([_error(problem, weight) for weight in _WEIGHTS]))


def _by_inputs(x: Incidence, e: Incidence) -> _Problem:
    values, vectors = np.linalg.eigh(x.together(x))
    chosen = _left_out(x.lines)
    right = vectors.T @ x.together(e)
    return _Problem(np.maximum(values, 0), x.dense(chosen) @ vectors, right, e.dense(chosen))


def _by_users(x: Incidence, e: Incidence) -> _Problem:
    left, truth = x.dense(), e.dense()
    values, vectors = np.linalg.eigh(left @ left.T)
    values = np.maximum(values, 0)
    lengths = np.sqrt(values)  # of the columns of B
    chosen = _left_out(x.lines)
    return _Problem(values, vectors[chosen] * lengths, lengths[:, None] * (vectors.T @ truth), truth[chosen])


def _left_out(users: int) -> Codes:
    """Return user codes, evenly spaced."""
    return _spaced(users, _MOST_USERS)


def _spaced(count: int, most: int) -> Codes:
    """Return `most` of the numbers below `count`, or all, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


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
