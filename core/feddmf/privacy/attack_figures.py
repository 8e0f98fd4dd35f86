"""What an attack on membership reaches: area under the ROC curve, true positives at few false ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.randomness import generator

__all__ = ["FPR", "Leak", "leak_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FPR = 0.01
"""Rate of false positives at which true ones are counted."""

_REPLICATES = 200
_LOWER, _UPPER = 2.5, 97.5


@dataclass(frozen=True)
class Leak:
    """auc, and tpr at `FPR`: each with its standard error and the ends of its 95 % interval."""

    auc: float
    auc_error: float
    auc_lower: float
    auc_upper: float
    tpr: float
    tpr_error: float
    tpr_lower: float
    tpr_upper: float


def leak_of(scores: Floats, inside: Bools, seed: int = 0) -> Leak:
    """Return what `scores` reach over all models and users; larger is likelier in. Both [models, users].

    Ties count half for the area. Intervals are of the bootstrap over users, each with all models: the scores
    of one user are no independent trials (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).
    """
    curve = _Curve(scores, inside)
    auc, tpr = curve.figures(np.ones(scores.shape[1]))
    random = generator(seed, "attack", "bootstrap")
    users = scores.shape[1]
    drawn = [
        curve.figures(np.bincount(random.integers(users, size=users), minlength=users))
        for _ in range(_REPLICATES)
    ]
    spread = np.array(drawn)
    errors = spread.std(axis=0, ddof=1).tolist()
    lower, upper = np.percentile(spread, [_LOWER, _UPPER], axis=0).tolist()
    return Leak(auc, errors[0], lower[0], upper[0], tpr, errors[1], lower[1], upper[1])


class _Curve:
    """All scores, sorted once, falling; users count as often as a draw has them."""

    def __init__(self, scores: Floats, inside: Bools) -> None:
        flat = scores.ravel()
        order = np.argsort(-flat, kind="stable")
        ranked = flat[order]
        self._users = np.tile(np.arange(scores.shape[1]), len(scores))[order]
        self._inside = inside.ravel()[order]
        # The last place of each run of equal scores.
        self._ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def figures(self, weights: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> tuple[float, float]:
        """Return area and true positives at `FPR`, of users that count so often, [users]."""
        drawn = weights[self._users]
        true, false = (
            np.concatenate([[0.0], np.cumsum(np.where(those, drawn, 0.0))[self._ends]])
            for those in (self._inside, ~self._inside)
        )
        true, false = true / true[-1], false / false[-1]
        return float(np.trapezoid(true, false)), float(np.interp(FPR, false, true))
