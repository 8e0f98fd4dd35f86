"""How far users may all differ from their probabilities for one item, and so what an audience may bring.

An audience is chosen for one item, and what makes an item more or less wanted than its vector says moves
all its users alike: binomial noise alone would give intervals that are far too narrow. With an item's effect,

    logit P(user u has item i) = logit p_ui + e_i,    e_i ~ N(mean, spread^2),

mean and spread are learnt from the audiences of the hidden items at the same share of users, most from those
that were expected to be about as precise, and averaged over what these leave open. Source: Gelman et al.,
"Bayesian Data Analysis" (2013), section 5.3, on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.audience import audience_size, top_users
from feddmf.quality.evidence import Evidence
from feddmf.quality.intervals import LEVEL, Interval

__all__ = ["ItemEffect"]

Floats = npt.NDArray[np.float64]

# Effects beyond a factor of e^4 in odds are not told apart.
_EFFECTS = np.linspace(-4, 4, 81)
_MEANS = np.linspace(-1, 1, 41)
_SPREADS = np.linspace(0.05, 2, 40)
# Items whose audiences were expected to have like precision count for each other; in logits.
_NEARNESS = 0.75
# Of the means and the spreads before any item is seen: a head is about right, its items differ moderately.
_PRIOR_MEAN, _PRIOR_SPREAD = 0.3, 0.7
# An audience's probabilities are held as the means of this many equal parts.
_PARTS = 32
# Chance beyond this many users is nothing beside the item's effect.
_MOST_USERS = 2000
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class ItemEffect:
    """What the audiences of the hidden items, at one share of the users, say of effects.

    levels: logit of the precision that each audience was expected to have, [hidden]; logs: log-likelihood of
    what it had, under each mean and spread, [hidden, models].
    """

    levels: Floats
    logs: Floats

    @classmethod
    def of(cls, evidence: Evidence, share: float) -> ItemEffect:
        """Look at the audiences of the hidden items, each with `share` of the users, in (0, 1]."""
        if not evidence.truth.size:
            return cls(np.empty(0), np.empty((0, len(_MODELS))))
        size = audience_size(share, evidence.users)
        chosen = top_users(evidence.scores, size)  # [size, hidden]
        hits = np.take_along_axis(evidence.truth, chosen, axis=0).sum(axis=0)
        precisions = _precisions(np.take_along_axis(evidence.scores, chosen, axis=0))  # [hidden, effects]
        likelihoods = _binomial(hits[:, None], size, precisions) @ _MODELS.T
        return cls(_level(precisions), np.log(likelihoods + np.finfo(np.float64).tiny))

    def expected_precision(self, probabilities: npt.NDArray[np.floating]) -> Interval:
        """Return the expected precision of an audience and the interval in which its precision will lie.

        probabilities: of the chosen users for one item that was not hidden, [users]. The interval holds the
        precision of LEVEL of all such audiences; nan without users.
        """
        users = len(probabilities)
        if not users:
            return Interval(float("nan"), float("nan"), float("nan"))
        precisions = _precisions(np.sort(probabilities)[:, None])  # [1, effects]
        chances = self._effects(float(_level(precisions)[0]))
        trials = min(users, _MOST_USERS)
        hits = np.arange(trials + 1)
        below = np.cumsum(chances @ _binomial(hits[None, :], trials, precisions[0][:, None]))
        ends = np.searchsorted(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        lower, upper = np.minimum(ends, trials) / trials
        return Interval(float(chances @ precisions[0]), float(lower), float(upper))

    def _effects(self, level: float) -> Floats:
        """Return the probability of each effect for a new item at this level, [effects]."""
        near = np.exp(-0.5 * ((self.levels - level) / _NEARNESS) ** 2)
        logs = _PRIOR + near @ self.logs
        models = np.exp(logs - logs.max())
        found: Floats = models @ _MODELS / models.sum()
        return found


def _normals() -> Floats:
    """Return N(mean, spread^2) over the grid of effects for each mean and spread, [models, effects]."""
    away = (_EFFECTS - _MEANS[:, None, None]) / _SPREADS[:, None]  # [means, spreads, effects]
    heights = np.exp(-0.5 * away**2).reshape(-1, len(_EFFECTS))
    found: Floats = heights / heights.sum(axis=1, keepdims=True)
    return found


_MODELS = _normals()
_PRIOR = -0.5 * np.add.outer((_MEANS / _PRIOR_MEAN) ** 2, (_SPREADS / _PRIOR_SPREAD) ** 2).ravel()


def _level(precisions: Floats) -> Floats:
    """Return the logit of precisions [items, effects] without any effect, [items]."""
    middle: Floats = np.clip(precisions[:, len(_EFFECTS) // 2], _TINY, 1 - _TINY)
    return np.log(middle / (1 - middle))


def _precisions(chosen: npt.NDArray[np.floating]) -> Floats:
    """Return the expected precision of ranked audiences [size, items] under each effect, [items, effects]."""
    edges = len(chosen) * np.arange(min(_PARTS, len(chosen))) // min(_PARTS, len(chosen))
    cells = np.diff(np.append(edges, len(chosen)))
    parts = np.add.reduceat(chosen.astype(np.float64), edges, axis=0) / cells[:, None]
    held = np.clip(parts, _TINY, 1 - _TINY)
    odds = (held / (1 - held))[:, :, None] * np.exp(_EFFECTS)  # [parts, items, effects]
    found: Floats = np.einsum("pie,p->ie", odds / (1 + odds), cells / len(chosen))
    return found


def _binomial(hits: npt.NDArray[np.integer], trials: int, chances: Floats) -> Floats:
    """Return the probability of `hits` among `trials`."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    ways = logs[trials] - logs[hits] - logs[trials - hits]
    found: Floats = np.exp(ways + hits * np.log(chances) + (trials - hits) * np.log1p(-chances))
    return found
