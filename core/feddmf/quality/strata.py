"""All users in ranked groups, a few of each standing for the rest: sums over millions in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.quality.prospects import Effects

__all__ = ["Combine", "RankedColumns", "Strata"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

Combine = Callable[[Sequence[Singles]], npt.NDArray[np.floating]]
"""From the probabilities of each attribute to those of what is wanted of them, arrays of one shape."""

# Users who stand for a group, each for as many as the others.
_STANDING = 16
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class RankedColumns:
    """Probabilities of all users, and their order by what is wanted.

    columns: of each attribute, [users] each; combine: what is wanted of them; found: the probability of that,
    [users]; order: the users by it, best first, [users].
    """

    columns: Sequence[Singles]
    combine: Combine
    found: Singles
    order: npt.NDArray[np.integer]

    @cached_property
    def ranks(self) -> npt.NDArray[np.int32]:
        """The rank of each user, from 0, [users]."""
        ranks = np.empty(len(self.order), dtype=np.int32)
        ranks[self.order] = np.arange(len(ranks), dtype=np.int32)
        return ranks


@dataclass(frozen=True, eq=False)
class Strata:
    """Groups of users between the sizes that an audience could have.

    edges: 0 and those sizes, [groups + 1]; sums: expected number of users in each group who have what is
    wanted, by the probabilities alone, [groups]; odds: of users who stand for a group, [standing,
    attributes]; weights: for how many each stands; groups, ranks: of each, its group and its rank.
    """

    edges: npt.NDArray[np.int64]
    sums: Floats
    odds: Singles
    weights: Singles
    groups: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    combine: Combine

    @classmethod
    def of(cls, users: RankedColumns, order: npt.NDArray[np.integer], sizes: Sequence[int]) -> Strata:
        """Group the users in `order` [users] by `sizes`, ascending, the last of them all users."""
        edges = np.array([0, *sizes], dtype=np.int64)
        counts = np.diff(edges)
        standing = np.minimum(counts, _STANDING)
        groups = np.repeat(np.arange(len(counts)), standing)
        within = np.arange(len(groups)) - np.repeat(np.cumsum(standing) - standing, standing)
        places = edges[groups] + ((within + 0.5) * counts[groups] / standing[groups]).astype(np.int64)
        standers = order[places]
        held = np.clip(np.stack([column[standers] for column in users.columns], axis=1), _TINY, 1 - _TINY)
        return cls(
            edges=edges,
            sums=np.add.reduceat(users.found[order], edges[:-1], dtype=np.float64),
            odds=(held / (1 - held)).astype(np.float32),
            weights=(counts[groups] / standing[groups]).astype(np.float32),
            groups=groups,
            ranks=users.ranks[standers].astype(np.int64),
            combine=users.combine,
        )

    def hits(self, size: int, effects: Sequence[Effects]) -> tuple[Floats, Floats]:
        """Return how many of the first `size` users, and of all others, have what is wanted, [draws] each.

        size: one of the sizes; so many by rank are chosen, whom effects move as such; effects: of each
        attribute.
        """
        chosen = (self.ranks < size)[:, None]
        moved = [
            self.odds[:, [place]] * np.where(chosen, _factors(each.chosen), _factors(each.rest))
            for place, each in enumerate(effects)
        ]  # [standing, draws] each
        plain = self._group_sums([self.odds[:, [place]] for place in range(len(effects))])
        # Those who stand for a group are held to what all of it comes to.
        scaled = self._group_sums(moved) * (self.sums[:, None] / np.maximum(plain, _TINY))
        held = np.minimum(scaled, np.diff(self.edges)[:, None])  # [groups, draws]
        group = int(np.searchsorted(self.edges, size))
        return held[:group].sum(axis=0), held[group:].sum(axis=0)

    def _group_sums(self, odds: Sequence[Singles]) -> Floats:
        """Return the expected number in each group who have what is wanted, from the attributes' odds."""
        starts = np.searchsorted(self.groups, np.arange(len(self.sums)))
        found = self.combine([each / (1 + each) for each in odds]) * self.weights[:, None]
        return np.add.reduceat(found, starts, axis=0, dtype=np.float64)


def _factors(effects: Floats) -> Singles:
    """Return by what effects multiply odds."""
    found: Singles = np.exp(effects).astype(np.float32)
    return found
