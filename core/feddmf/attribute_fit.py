"""One attribute's logistic regression on frozen user vectors; strength and ROC-AUC by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions

__all__ = ["AttributeFit", "Users", "area_and_error", "fit_attribute"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_FOLDS = 5
# Tried upwards, until users who were left out are predicted worse.
_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# Spread of a standardised entry of the user vector beside an item's 0 or 1: the lower, the more it is curbed.
_SPREAD = 1 / 3
_MOST_STEPS = 2000
# Of more users as many are drawn, since the fit gains nothing more.
_MOST_USERS = 50_000


@dataclass(frozen=True, eq=False)
class AttributeFit:
    """(w, v, b) for raw user vectors and activity, t for the shared items, and quality on users left out."""

    weights: Floats  # [dim]
    activity: float
    intercept: float
    items: Floats  # [shared]
    roc_auc: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Users:
    """What is known of users: their vector and activity, standardised, and which shared items they have.

    raw = place + scale * dense / _SPREAD; items: sparse [users, shared] of 0 and 1, supported ones alone.
    """

    dense: Floats  # [users, dim + 1]
    place: Floats  # [dim + 1]
    scale: Floats  # [dim + 1]
    items: Any
    supported: Bools  # [shared]

    @classmethod
    def of(
        cls,
        user_vectors: npt.NDArray[np.floating],
        activity: npt.NDArray[np.floating],
        shared: Interactions,
    ) -> Users:
        """Take all users as they are; see `fit_attribute_vectors` for the shapes."""
        sparse, _ = _learners()
        items = sparse.csr_matrix(
            (np.ones(shared.pairs), shared.indices, shared.indptr), shape=(shared.users, shared.items)
        )
        dense = np.column_stack([user_vectors, activity]).astype(np.float64)
        zeros, ones = np.zeros(dense.shape[1]), np.full(dense.shape[1], _SPREAD)
        return cls(dense, zeros, ones, items, np.ones(shared.items, dtype=np.bool_))

    def where(self, rows: npt.NDArray[Any], *, min_users: int | None) -> Users:
        """Return the users at `rows`, standardised, with items that `min_users` of them have (None: none)."""
        dense, items = self.dense[rows], self.items[rows]
        place, scale = dense.mean(axis=0), dense.std(axis=0)
        # What is alike for all users tells nothing, whatever it is divided by.
        scale[scale < np.finfo(np.float32).eps * (1 + np.abs(place))] = 1.0
        counts = items.getnnz(axis=0)
        supported = np.zeros(len(counts), np.bool_) if min_users is None else counts >= min_users
        return Users(_SPREAD * (dense - place) / scale, place, scale, items[:, supported], supported)

    def table(self) -> Any:
        """Return vector, activity and items side by side, sparse [users, dim + 1 + supported]."""
        sparse, _ = _learners()
        return sparse.hstack([sparse.csr_matrix(self.dense), self.items], format="csr")


def fit_attribute(users: Users, labels: Bools, draws: np.random.Generator) -> AttributeFit:
    """Fit `labels` [users], with both kinds among them; the strength is that of the least log loss left out.

    Folds are drawn from `draws`, with their share of both kinds each.
    """
    rows, counts = _drawn(labels, draws)
    table, truth = users.table()[rows], labels[rows]
    folds = _folds(truth, draws)
    strength, scores = _chosen(table, truth, counts, folds)
    model = _fitted(_model(strength), table, truth, counts)
    coefficients = model.coef_[0]
    wide = len(users.place)
    dense = _SPREAD * coefficients[:wide] / users.scale
    items = np.zeros(len(users.supported))
    items[users.supported] = coefficients[wide:]
    area, error = area_and_error(truth, scores)
    return AttributeFit(
        weights=dense[:-1],
        activity=float(dense[-1]),
        intercept=float(model.intercept_[0] - dense @ users.place),
        items=items,
        roc_auc=area,
        standard_error=error,
    )


def area_and_error(truth: Bools, scores: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Return the ROC-AUC of `scores` for `truth`, [users] each, and its standard error; ties count half.

    Each side needs two users. The error is never less than half a rank: a perfect order of few users is no
    proof of a perfect score.
    """
    having, lacking = scores[truth], scores[~truth]
    above = _placements(having, lacking)
    below = 1 - _placements(lacking, having)
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    least = 0.5 / min(len(above), len(below))
    return float(above.mean()), max(float(np.sqrt(variance)), least)


def _placements(of: npt.NDArray[np.floating], among: npt.NDArray[np.floating]) -> Floats:
    """Return for each score `of` [n] the share of scores `among` [m] that are lower; ties count half."""
    ordered = np.sort(among)
    lower, upto = np.searchsorted(ordered, of, "left"), np.searchsorted(ordered, of, "right")
    shares: Floats = (lower + upto) / (2 * len(ordered))
    return shares


def _chosen(table: Any, truth: Bools, counts: Floats, folds: npt.NDArray[np.intp]) -> tuple[float, Floats]:
    """Return the strength, and the decisions [users] that it leads to for users left out."""
    models = [_model(_STRENGTHS[0]) for _ in range(_FOLDS)]
    parts = [(folds != fold, folds == fold) for fold in range(_FOLDS)]
    best, strength, scores = np.inf, _STRENGTHS[0], np.zeros(len(truth))
    for candidate in _STRENGTHS:
        found = np.zeros(len(truth))
        for model, (inside, outside) in zip(models, parts, strict=True):
            _fitted(model.set_params(C=candidate), table[inside], truth[inside], counts[inside])
            found[outside] = model.decision_function(table[outside])
        loss = float(np.average(np.logaddexp(0, np.where(truth, -found, found)), weights=counts))
        if loss >= best:
            break
        best, strength, scores = loss, candidate, found
    return strength, scores


def _drawn(labels: Bools, draws: np.random.Generator) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the rows to fit on, ascending, and how many users each stands for, of mean 1.

    Of too many users the rarer kind stays whole as far as it fills half of the places.
    """
    rows = np.arange(len(labels))
    if len(rows) <= _MOST_USERS:
        return rows, np.ones(len(rows))
    sides = sorted((np.flatnonzero(labels), np.flatnonzero(~labels)), key=len)
    few = min(len(sides[0]), _MOST_USERS // 2)
    taken = [
        draws.choice(side, size, replace=False)
        for side, size in zip(sides, (few, _MOST_USERS - few), strict=True)
    ]
    counts = np.concatenate(
        [np.full(len(some), len(side) / len(some)) for some, side in zip(taken, sides, strict=True)]
    )
    rows = np.concatenate(taken)
    order = np.argsort(rows)
    return rows[order], counts[order] / counts.mean()


def _folds(truth: Bools, draws: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the fold of each user, with its share of both kinds in each."""
    folds = np.empty(len(truth), dtype=np.intp)
    for side in (np.flatnonzero(truth), np.flatnonzero(~truth)):
        folds[draws.permutation(side)] = np.arange(len(side)) % _FOLDS
    return folds


def _model(strength: float) -> Any:
    _, linear = _learners()
    return linear.LogisticRegression(C=strength, max_iter=_MOST_STEPS, warm_start=True)


def _fitted(model: Any, table: Any, truth: Bools, counts: Floats) -> Any:
    return model.fit(table, truth, sample_weight=counts)


def _learners() -> tuple[Any, Any]:
    """Return scipy.sparse and sklearn.linear_model; only owners of user attributes need them."""
    try:
        from scipy import sparse
        from sklearn import linear_model
    except ModuleNotFoundError as error:
        raise InputError(
            f"this installation lacks {error.name}, which fits user attributes",
            hint="pip install 'feddmf[party]', or offer no user attributes",
        ) from error
    return sparse, linear_model
