"""A data set made up to a size: popularity with a long tail, uneven activity, and tastes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.randomness import generator

__all__ = ["LIKE_ML_100K", "generate"]

LIKE_ML_100K = (943, 1682, 100_000)
"""Users, items and pairs of MovieLens 100k."""

_LEAST = 20
_TASTES = 8
_TASTE_STRENGTH = 0.7
_TAIL = 0.9
_HEAD = 20


def generate(users: int, items: int, pairs: int, *, seed: int) -> Interactions:
    """Return about `pairs` distinct pairs, at least 20 a user.

    Each user's items are drawn without replacement, with log-odds -.9 log(20 + popularity rank) + .7 x . y
    for tastes x, y from N(0, 1) in 8 dimensions (the Gumbel top-k trick: Kool et al., 2019); activity is
    lognormal.
    """
    random = generator(seed, "generated", users, items, pairs)
    activity = random.lognormal(sigma=1.0, size=users)
    spare = max(pairs - _LEAST * users, 0)
    counts = np.minimum(_LEAST + np.round(activity / activity.sum() * spare).astype(np.int64), items)
    popularity = -_TAIL * np.log(_HEAD + random.permutation(items))
    tastes = random.standard_normal((users, _TASTES)) @ random.standard_normal((_TASTES, items))
    noise = random.gumbel(size=(users, items))
    order = np.argsort(-(popularity + _TASTE_STRENGTH * tastes + noise), axis=1)  # [users, items]
    chosen: npt.NDArray[np.bool_] = np.arange(items) < counts[:, None]
    return Interactions.from_pairs(np.nonzero(chosen)[0], order[chosen], shape=(users, items))
