"""A party's users in the spaces of one peer's published vectors, and what a head is told of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.head import cell_features
from feddmf.neighbours import Neighbours

__all__ = ["Placed"]

Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]

# Of an item that nobody's linear score speaks for.
_LEAST_SHARE = 1e-4


@dataclass(frozen=True, eq=False)
class Placed:
    """Users of the party as one peer's items meet them.

    vectors: [users, dim], of a tower; sums: [users, columns], of the linear contexts of their items;
    usual: [columns], the mean of these sums over all users of the run, None where these are all of them;
    neighbours: the users' items in the space of the vectors, None where the party has no vectors there.
    """

    vectors: Floats
    sums: Floats
    usual: Floats | None = None
    neighbours: Neighbours | None = None

    @cached_property
    def usual_sum(self) -> Floats:
        """The mean of the sums over all users of the run, [columns]."""
        mean: Floats = self.sums.mean(axis=0) if self.usual is None else self.usual
        return mean

    def logits(self, users: Codes, published: Floats) -> Floats:
        """Return the scalar products of user codes and item vectors, [users, items]."""
        dim = self.vectors.shape[1]
        products: Floats = self.vectors[users] @ published[:, :dim].T
        return products

    def attribute_logits(self, users: Codes, published: Floats, activity: Floats) -> Floats:
        """Return logits [users, attributes] of user attributes, published in rows like those of items."""
        intercept, slope = published[:, self.vectors.shape[1] : self.vectors.shape[1] + 2].T
        linear = self.sums[users] @ self._targets(published).T
        logits: Floats = self.logits(users, published) + intercept + activity[users, None] * slope + linear
        return logits

    def features(self, users: Codes, published: Floats, activity: Floats) -> Floats:
        """Return what a head takes, [users * items, features]; published: [items, dim + 2 + columns].

        users: the user codes that are asked for; activity: [users of the party].
        """
        targets, logits = self._targets(published), self.logits(users, published)
        near = np.zeros_like(logits)
        if self.neighbours is not None:
            near = self.neighbours.nearness(users, published[:, : self.vectors.shape[1]])
        linear = self.sums[users] @ targets.T
        return cell_features(logits, linear, self._popularity(targets), activity[users], near)

    def _targets(self, published: Floats) -> Floats:
        return published[:, self.vectors.shape[1] + 2 :]

    def _popularity(self, targets: Floats) -> Floats:
        """Return ln of the mean linear score over all users, [items]: the estimated share that has each."""
        shares: Floats = np.log(np.maximum(targets @ self.usual_sum, _LEAST_SHARE))
        return shares
