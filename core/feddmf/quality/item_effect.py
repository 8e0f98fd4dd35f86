"""How far the users of one item may differ, all together, from their probabilities: what an audience may bring.

An audience is chosen for one item, and what makes an item more or less wanted than its vector says moves all
its users alike: binomial noise alone would give intervals that are far too narrow. With an effect of the item,

    logit P(user u has item i) = logit p_ui + e_i,    e_i ~ N(mean, spread^2),

mean and spread are learnt from the audiences of the hidden items at the same share of users, and averaged over
what these leave open. Source: Gelman et al., "Bayesian Data Analysis" (2013), section 5.3, on a grid.
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
# Of the means and the spreads before any item is seen: a head is about right, its items differ moderately.
_PRIOR_MEAN, _PRIOR_SPREAD = 0.3, 0.7
# An audience's probabilities are held as the means of this many equal parts.
_PARTS = 32
# Chance beyond this many users is nothing beside the item's effect.
_MOST_USERS = 2000
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class ItemEffect:
    """What is known of a new item's effect: the probability of each of a grid of effects, [effects]."""

    chances: Floats

    @classmethod
    def of(cls, evidence: Evidence, share: float) -> ItemEffect:
        """Learn from the audiences of the hidden items with `share` (0..1] of the users each.

        Without hidden items or users it is what is assumed before any is seen.
        """
        before = np.exp(-0.5 * (_MEANS[:, None] / _PRIOR_MEAN) ** 2 - 0.5 * (_SPREADS / _PRIOR_SPREAD) ** 2)
        shapes = _normals()  # [models, effects]
        logs = np.log(before.ravel())
        if evidence.users and len(evidence.items):
            size = audience_size(share, evidence.users)
            chosen = top_users(evidence.scores, size)  # [size, hidden]
            hits = np.take_along_axis(evidence.truth, chosen, axis=0).sum(axis=0)
            precisions = _precisions(np.take_along_axis(evidence.scores, chosen, axis=0))  # [hidden, effects]
            likelihoods = _binomial(hits[:, None], size, precisions)
            logs = logs + np.log(likelihoods @ shapes.T + np.finfo(np.float64).tiny).sum(axis=0)
        models = np.exp(logs - logs.max())
        return cls(models @ shapes / models.sum())

    def expected_precision(self, probabilities: npt.NDArray[np.floating]) -> Interval:
        """Return the expected precision of an audience and the interval in which its precision will lie.

        probabilities: of the chosen users for one item that was not hidden, [users]. The interval holds the
        precision of LEVEL of all such audiences; nan without users.
        """
        users = len(probabilities)
        if not users:
            return Interval(float("nan"), float("nan"), float("nan"))
        precisions = _precisions(np.sort(probabilities)[:, None])[0]  # [effects]
        trials = min(users, _MOST_USERS)
        hits = np.arange(trials + 1)
        below = np.cumsum(self.chances @ _binomial(hits[None, :], trials, precisions[:, None]))
        ends = np.searchsorted(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        lower, upper = np.minimum(ends, trials) / trials
        return Interval(float(self.chances @ precisions), float(lower), float(upper))


def _normals() -> Floats:
    """Return N(mean, spread^2) over the grid of effects for each mean and spread, [models, effects]."""
    away = (_EFFECTS - _MEANS[:, None, None]) / _SPREADS[:, None]  # [means, spreads, effects]
    heights = np.exp(-0.5 * away**2).reshape(-1, len(_EFFECTS))
    found: Floats = heights / heights.sum(axis=1, keepdims=True)
    return found


def _precisions(chosen: npt.NDArray[np.floating]) -> Floats:
    """Return the expected precision of audiences [size, items], ranked, under each effect: [items, effects]."""
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
