"""Predictions from averages: mean of all, of the film, of the user, and regularised biases.

Biases: Y. Koren, "Factor in the neighbors", ACM TKDD 4(1), 2010, eq. 1 to 3: r = mu + b_u + b_i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf_party.ratings.table import Ratings

__all__ = ["Averages", "biases", "global_mean", "item_counts", "item_mean", "user_mean"]

Floats = npt.NDArray[np.float64]

_SWEEPS = 10
_USER_DAMPING = 5.0
_ITEM_DAMPING = 3.0


@dataclass(frozen=True, eq=False)
class Averages:
    """A rating is `mean` + users[u] + items[i]; users: float64 [users], items: float64 [items]."""

    mean: float
    users: Floats
    items: Floats

    def predict(self, users: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> Floats:
        """Return the ratings of cells given by codes, [cells] each."""
        return self.mean + self.users[users] + self.items[items]

    def scores(self, users: npt.NDArray[np.int64]) -> Floats:
        """Return the ratings of all films by `users`, [users, items]."""
        return self.mean + self.users[users][:, None] + self.items[None, :]


def global_mean(train: Ratings) -> Averages:
    """Predict the mean of all ratings."""
    return Averages(train.mean, np.zeros(train.user_count), np.zeros(train.item_count))


def item_mean(train: Ratings) -> Averages:
    """Predict the mean rating of the film; that of all films where nobody has rated it."""
    items = _offsets(train.items, train.values - train.mean, train.item_count, damping=0)
    return Averages(train.mean, np.zeros(train.user_count), items)


def user_mean(train: Ratings) -> Averages:
    """Predict the user's mean rating; that of all users for one who has rated nothing."""
    users = _offsets(train.users, train.values - train.mean, train.user_count, damping=0)
    return Averages(train.mean, users, np.zeros(train.item_count))


def item_counts(train: Ratings) -> Averages:
    """Score a film by the number of its ratings: no rating, only good for ranking."""
    counts = np.bincount(train.items, minlength=train.item_count).astype(np.float64)
    return Averages(0.0, np.zeros(train.user_count), counts)


def biases(train: Ratings, values: Floats | None = None) -> Averages:
    """Predict mu + b_u + b_i, both damped towards 0, by alternating least squares.

    values: what to fit in place of the ratings themselves, [ratings].
    """
    users, items = np.zeros(train.user_count), np.zeros(train.item_count)
    fitted = train.values if values is None else values
    mean = float(fitted.mean())
    rest = fitted - mean
    for _ in range(_SWEEPS):
        items = _offsets(train.items, rest - users[train.users], train.item_count, damping=_ITEM_DAMPING)
        users = _offsets(train.users, rest - items[train.items], train.user_count, damping=_USER_DAMPING)
    return Averages(mean, users, items)


def _offsets(codes: npt.NDArray[np.int64], rest: Floats, count: int, *, damping: float) -> Floats:
    """Return the sum of `rest` over its number plus `damping`, by code, [count]; 0 for an absent code."""
    sums = np.bincount(codes, weights=rest, minlength=count)
    sizes = np.bincount(codes, minlength=count) + damping
    offsets: Floats = np.divide(sums, sizes, out=np.zeros(count), where=sizes > 0)
    return offsets
