"""How users who were not chosen fare beside those who were: whom an audience misses, recall must know.

What moves an item's best-scored users moves the others too, and not by quite as much. With e the effect of
the item on those chosen,

    logit P(user u has item i) = logit p_ui + e + d,    d ~ N(mean, spread^2),

for all others; mean and spread are learnt from the hidden items at the same share of users, each with what
its own audience says of its e. Without d, intervals of recall hold three quarters of what nine tenths should.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.quality.item_effect import (
    EFFECTS,
    ItemEffect,
    equal_edges,
    likely_models,
    likely_under,
    precisions_between,
)
from feddmf.quality.ranked_evidence import RankedEvidence

__all__ = ["rest_chances", "uneven_edges"]

Floats = npt.NDArray[np.float64]

_STEPS = len(EFFECTS)
# Both together: e + d lies on this grid.
_SUMS = np.linspace(2 * EFFECTS[0], 2 * EFFECTS[-1], 2 * _STEPS - 1)
_PARTS = 32
_TINY = 1e-9


def rest_chances(ranked: RankedEvidence, share: float, effect: ItemEffect) -> Floats:
    """Return the probability of each of EFFECTS for d, [effects], from audiences with `share` of the users.

    effect: what these audiences say of e.
    """
    size = ranked.size(share) if ranked.users else 0
    if not ranked.items or size == ranked.users:
        return likely_models(np.zeros((1, 1))).ravel()
    chosen = precisions_between(ranked.scores, equal_edges(size))  # [hidden, effects]
    hits = ranked.hits[size]
    logs = hits[:, None] * np.log(chosen) + (size - hits)[:, None] * np.log1p(-chosen)
    known = effect.chances(effect.levels) * _scaled(logs)
    known /= known.sum(axis=1, keepdims=True)  # of e, item by item
    rest = precisions_between(ranked.scores, uneven_edges(size, ranked.users), _SUMS)  # [hidden, sums]
    missed, others = ranked.hits[-1] - hits, ranked.users - size
    odds = missed[:, None] * np.log(rest) + (others - missed)[:, None] * np.log1p(-rest)
    shifted = np.lib.stride_tricks.sliding_window_view(_scaled(odds), _STEPS, axis=1)  # [hidden, d, e]
    likelihoods = np.einsum("ie,ide->id", known, shifted)
    return likely_models(likely_under(likelihoods).sum(axis=0, keepdims=True)).ravel()


def uneven_edges(first: int, last: int) -> list[int]:
    """Return edges between ranks `first` and `last`, closer where scores differ most."""
    found = np.geomspace(max(first, 1), last, _PARTS + 1).round().astype(np.int64)
    found[0] = first
    return [int(edge) for edge in np.unique(found)]


def _scaled(logs: Floats) -> Floats:
    """Return likelihoods, of each item up to a factor of its own."""
    found: Floats = np.exp(logs - logs.max(axis=1, keepdims=True)) + _TINY
    return found
