"""What hidden items say of audiences of all sizes, ready to be drawn from, for one peer's items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from feddmf.quality.audience import audience_size
from feddmf.quality.evidence import Evidence
from feddmf.quality.intervals import Interval
from feddmf.quality.item_effect import EFFECTS, ItemEffect
from feddmf.quality.ranked_evidence import RankedEvidence
from feddmf.quality.rest_effect import rest_chances
from feddmf.randomness import generator

__all__ = ["DRAWS", "Effects", "Prospects", "no_effects"]

Floats = npt.NDArray[np.float64]

DRAWS = 256
"""Effects that are drawn for an audience: quantiles, so that fewer do than of independent draws."""
# Effects are drawn for sizes of these many steps, evenly spaced in their logarithms.
_SIZES = 40
# Sizes of hidden audiences that are kept: those steps, a curve's, and cuts of late.
_MOST_KEPT = 256


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of one item, drawn: on the logits of users who are chosen, and of all others, [DRAWS] each."""

    chosen: Floats
    rest: Floats


class Prospects:
    """Audiences of one peer's hidden items, looked at once for each size that is asked for.

    Any number of threads may ask.
    """

    def __init__(self, evidence: Evidence) -> None:
        ranked = RankedEvidence.of(evidence)
        self._users = max(ranked.users, 1)
        self._sizes = np.unique(np.geomspace(1, self._users, _SIZES).round())
        self._effect = lru_cache(_MOST_KEPT)(lambda size: ItemEffect.of_ranked(ranked, size / self._users))
        self._rest = lru_cache(_MOST_KEPT)(
            lambda size: rest_chances(ranked, size / self._users, self._effect(size))
        )

    def expected_precision(self, sums: Floats, share: float) -> Interval:
        """Return the precision of an audience with `share` of the users; see `ItemEffect.expected_of`."""
        return self._effect(audience_size(share, self._users)).expected_of(sums)

    def effects(self, share: float, level: float, *address: str) -> Effects:
        """Draw the effects of a new item on an audience with about `share` of the users, in (0, 1].

        level: logit of its expected precision; address: of the draws: the same ones move with the share.
        """
        size = int(self._sizes[np.abs(np.log(self._sizes / (share * self._users))).argmin()])
        draws = generator(0, "audience", *address)
        places = np.argsort(draws.random((2, DRAWS)), axis=1)
        chosen = _quantiles(self._effect(size).chances(np.array([level]))[0])[places[0]]
        return Effects(chosen, chosen + _quantiles(self._rest(size))[places[1]])

    def look(self) -> None:
        """Look at audiences of all sizes that effects are drawn for, so that nobody waits for that."""
        for size in self._sizes.astype(np.int64).tolist():
            self._rest(size)


def no_effects() -> Effects:
    """Return the effects of an item of which nothing was measured."""
    return Effects(np.zeros(DRAWS), np.zeros(DRAWS))


def _quantiles(chances: Floats) -> Floats:
    """Return DRAWS quantiles of a distribution over EFFECTS, evenly spaced."""
    wanted = (np.arange(DRAWS) + 0.5) / DRAWS
    places = np.searchsorted(np.cumsum(chances), wanted)
    found: Floats = EFFECTS[np.minimum(places, len(EFFECTS) - 1)]
    return found
