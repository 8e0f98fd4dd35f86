"""Neighbourhood models: the mean of a user or film plus what its nearest neighbours tell.

r_ui = m_u + sum_v s_uv (r_vi - m_v) / sum_v s_uv over the k users v most like u who rated i, and the same
with films in the place of users. s is the cosine of mean-centred ratings over what both have in common,
shrunk by n / (n + shrinkage) for n in common: Y. Koren, "Factor in the neighbors", ACM TKDD 4(1), 2010,
section 2.2. Only neighbours with s above 0 are asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from feddmf_party.ratings.averages import Averages, item_mean, user_mean
from feddmf_party.ratings.table import Ratings

__all__ = ["Neighbours", "neighbours"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_SHRINKAGE = 10.0
_NEAREST = 40


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Centred ratings of the side whose neighbours count; the other side is what they have in common.

    means: of the near side; centred: float32 [near, common], 0 where there is no rating; rated: float32, 0 or
    1, of the same shape.
    """

    side: Literal["user", "item"]
    means: Averages
    centred: npt.NDArray[np.float32]
    rated: npt.NDArray[np.float32]
    nearest: int
    shrinkage: float

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Return the ratings of cells given by codes, [cells] each."""
        near, common = (users, items) if self.side == "user" else (items, users)
        predicted = self.means.predict(users, items)
        order = np.argsort(common, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(common[order])) + 1):
            if rows.size:
                raters = np.flatnonzero(self.rated[:, common[rows[0]]])
                predicted[rows] += self._told(near[rows], raters, int(common[rows[0]]))
        return predicted

    def _told(self, asked: Codes, raters: npt.NDArray[np.intp], at: int) -> Floats:
        """Return the weighted mean of the centred ratings of `at` by the nearest of `raters`, [asked]."""
        similar = self._similarity(asked, raters)  # [asked, raters]
        if len(raters) > self.nearest:
            bound = np.partition(similar, -self.nearest, axis=1)[:, -self.nearest, None]
            similar = np.where(similar >= bound, similar, 0.0)
        weight = similar.sum(axis=1)
        told: Floats = np.divide(
            similar @ self.centred[raters, at], weight, out=np.zeros(len(asked)), where=weight > 0
        )
        return told

    def _similarity(self, asked: Codes, raters: npt.NDArray[np.intp]) -> Floats:
        """Return the shrunk cosines, those below 0 as 0, [asked, raters]."""
        left, right = self.centred[asked], self.centred[raters]
        seen_left, seen_right = self.rated[asked], self.rated[raters]
        both = seen_left @ seen_right.T
        norms = np.sqrt((left**2 @ seen_right.T) * (seen_left @ (right**2).T))
        cosine = np.divide(left @ right.T, norms, out=np.zeros_like(norms), where=norms > 0)
        shrunk: Floats = np.maximum(cosine * both / (both + self.shrinkage), 0).astype(np.float64)
        return shrunk


def neighbours(
    train: Ratings,
    side: Literal["user", "item"],
    *,
    nearest: int = _NEAREST,
    shrinkage: float = _SHRINKAGE,
) -> Neighbours:
    """Centre the ratings of each user, or of each film, for a model of its `nearest` neighbours."""
    means = user_mean(train) if side == "user" else item_mean(train)
    shape = (train.user_count, train.item_count)
    centred, rated = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    centred[train.users, train.items] = train.values - means.predict(train.users, train.items)
    rated[train.users, train.items] = 1
    if side == "item":
        centred, rated = np.ascontiguousarray(centred.T), np.ascontiguousarray(rated.T)
    return Neighbours(side, means, centred, rated, nearest, shrinkage)
