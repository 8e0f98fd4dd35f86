"""How far users may all differ from their probabilities for one item, and so what an audience may bring.

An audience is chosen for one item, and what makes an item more or less wanted than its vector says moves
all its users alike: binomial noise alone would give intervals that are far too narrow. With an item's effect,

    logit P(user u has item i) = logit p_ui + e_i,    e_i ~ N(mean, spread^2),

mean and spread are learnt from the audiences of the hidden items at the same share of users, most from those
that were expected to be about as precise, and averaged over what these leave open. Source: Gelman et al.,
"Bayesian Data Analysis" (2013), section 5.3, on a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.evidence import Evidence
from feddmf.quality.intervals import LEVEL, Interval
from feddmf.quality.ranked_evidence import RankedEvidence

__all__ = [
    "EFFECTS",
    "ItemEffect",
    "equal_edges",
    "level_of",
    "likely_models",
    "likely_under",
    "precisions_between",
]

Floats = npt.NDArray[np.float64]

# Effects beyond a factor of e^4 in odds are not told apart.
EFFECTS = np.linspace(-4, 4, 81)
"""The grid on which effects are told apart, in logits."""
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
        return cls.of_ranked(RankedEvidence.of(evidence), share)

    @classmethod
    def of_ranked(cls, ranked: RankedEvidence, share: float) -> ItemEffect:
        """Do so where the evidence is ranked already."""
        if not ranked.users or not ranked.items:
            return cls(np.empty(0), np.empty((0, len(_MODELS))))
        size = ranked.size(share)
        precisions = precisions_between(ranked.scores, equal_edges(size))  # [hidden, effects]
        likelihoods = likely_under(_binomial(ranked.hits[size][:, None], size, precisions))
        return cls(level_of(precisions), likelihoods)

    def expected_precision(self, probabilities: npt.NDArray[np.floating]) -> Interval:
        """Return the expected precision of an audience and the interval in which its precision will lie.

        probabilities: of the chosen users for one item that was not hidden, [users]. The interval holds the
        precision of LEVEL of all such audiences; nan without users.
        """
        ranked = np.sort(probabilities)[::-1, None].astype(np.float64)
        return self.expected_of(np.concatenate([np.zeros((1, 1)), np.cumsum(ranked, axis=0)]))

    def expected_of(self, sums: Floats) -> Interval:
        """Return the same for running sums of the chosen users' probabilities, best first, [users + 1, 1]."""
        users = len(sums) - 1
        if not users:
            return Interval(float("nan"), float("nan"), float("nan"))
        precisions = precisions_between(sums, equal_edges(users))  # [1, effects]
        chances = self.chances(level_of(precisions))[0]
        trials = min(users, _MOST_USERS)
        hits = np.arange(trials + 1)
        likely = chances > _TINY * chances.max()
        below = np.cumsum(chances[likely] @ _binomial(hits, trials, precisions[0][likely, None]))
        ends = np.searchsorted(below, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        lower, upper = np.minimum(ends, trials) / trials
        return Interval(float(chances @ precisions[0]), float(lower), float(upper))

    def chances(self, levels: Floats) -> Floats:
        """Return the probability of each of EFFECTS for new items at `levels` [items], [items, effects]."""
        near = np.exp(-0.5 * ((self.levels - levels[:, None]) / _NEARNESS) ** 2)
        return likely_models(near @ self.logs)


def _normals() -> Floats:
    """Return N(mean, spread^2) over the grid of effects for each mean and spread, [models, effects]."""
    away = (EFFECTS - _MEANS[:, None, None]) / _SPREADS[:, None]  # [means, spreads, effects]
    heights = np.exp(-0.5 * away**2).reshape(-1, len(EFFECTS))
    found: Floats = heights / heights.sum(axis=1, keepdims=True)
    return found


_MODELS = _normals()
_PRIOR = -0.5 * np.add.outer((_MEANS / _PRIOR_MEAN) ** 2, (_SPREADS / _PRIOR_SPREAD) ** 2).ravel()


def likely_models(logs: Floats) -> Floats:
    """Return the probability of each of EFFECTS, averaged over what log-likelihoods leave open.

    logs: [items, models]; returned is [items, effects].
    """
    found = _PRIOR + logs
    models = np.exp(found - found.max(axis=1, keepdims=True))
    chances: Floats = models @ _MODELS / models.sum(axis=1, keepdims=True)
    return chances


def likely_under(likelihoods: Floats) -> Floats:
    """Return log-likelihoods under each mean and spread, [items, models], from those of effects."""
    found: Floats = np.log(likelihoods @ _MODELS.T + np.finfo(np.float64).tiny)
    return found


def level_of(precisions: Floats) -> Floats:
    """Return the logit of precisions [items, effects] without any effect, [items]."""
    middle: Floats = np.clip(precisions[:, len(EFFECTS) // 2], _TINY, 1 - _TINY)
    return np.log(middle / (1 - middle))


def precisions_between(sums: Floats, edges: Sequence[int], effects: Floats = EFFECTS) -> Floats:
    """Return the expected precision of users between the outer edges under effects, [items, effects].

    sums: of the scores ranked from the best down, before each of them and behind the last, [users + 1,
    items]; edges: between which users are taken as alike, ascending.
    """
    cells = np.diff(edges)
    parts = np.diff(sums[edges], axis=0) / cells[:, None]
    held = np.clip(parts, _TINY, 1 - _TINY)
    odds = (held / (1 - held))[:, :, None] * np.exp(effects)  # [parts, items, effects]
    found: Floats = np.einsum("pie,p->ie", odds / (1 + odds), cells / cells.sum())
    return found


def equal_edges(users: int) -> list[int]:
    """Return the edges of equal parts of the best `users`, one or more."""
    count = min(_PARTS, users)
    # What is left over goes to the best, where scores differ most.
    return [users - users * part // count for part in range(count, -1, -1)]


def _binomial(hits: npt.NDArray[np.integer], trials: int, chances: Floats) -> Floats:
    """Return the probability of `hits` among `trials`."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    ways = logs[trials] - logs[hits] - logs[trials - hits]
    found: Floats = np.exp(ways + hits * np.log(chances) + (trials - hits) * np.log1p(-chances))
    return found
