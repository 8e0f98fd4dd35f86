"""A party's users in the spaces of one peer's published vectors, and what a head is told of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.head import Told, cell_features
from feddmf.neighbours import Neighbours, logarithms
from feddmf.user_rows import UserRows, how_many, user_rows

__all__ = ["Asked", "Placed"]

Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]

# Of an item that nobody's linear score speaks for.
_LEAST_SHARE = 1e-4
# Users whose sums are added in single precision.
_STEP = 1024


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
        if self.usual is not None:
            return self.usual
        total = np.zeros(self.sums.shape[1])
        for start in range(0, len(self.sums), _STEP):
            block = self.sums[start : start + _STEP]
            total += np.ones(len(block), dtype=block.dtype) @ block
        return (total / len(self.sums)).astype(np.float32)

    def logits(self, users: UserRows, published: Floats) -> Floats:
        """Return the scalar products of user codes and item vectors, [users, items]."""
        dim = self.vectors.shape[1]
        products: Floats = self.vectors[user_rows(users)] @ published[:, :dim].T
        return products

    def attribute_logits(self, users: UserRows, published: Floats, activity: Floats) -> Floats:
        """Return logits [users, attributes] of user attributes, published in rows like those of items."""
        intercept, slope = published[:, self.vectors.shape[1] : self.vectors.shape[1] + 2].T
        linear = self.sums[user_rows(users)] @ self._targets(published).T
        active = activity[users][:, None] * slope
        logits: Floats = self.logits(users, published) + intercept + active + linear
        return logits

    def features(self, users: Codes, published: Floats, activity: Floats) -> Floats:
        """Return what a head takes, [users * items, features]; published: [items, dim + 2 + columns].

        users: the user codes that are asked for; activity: [users of the party].
        """
        return cell_features(*self.ask(published).tell(users, activity))

    def ask(self, published: Floats) -> Asked:
        """Return the items of `published` [items, dim + 2 + columns], made ready to meet users."""
        dim, targets = self.vectors.shape[1], self._targets(published)
        vectors = published[:, :dim]
        weights = None if self.neighbours is None else self.neighbours.weights(vectors)
        return Asked(self, vectors, targets, self._popularity(targets), weights)

    def _targets(self, published: Floats) -> Floats:
        return published[:, self.vectors.shape[1] + 2 :]

    def _popularity(self, targets: Floats) -> Floats:
        """Return ln of the mean linear score over all users, [items]: the estimated share that has each."""
        shares: Floats = np.log(np.maximum(targets @ self.usual_sum, _LEAST_SHARE))
        return shares


@dataclass(frozen=True, eq=False)
class Asked:
    """Items of one peer as the users of `placed` meet them; all that depends on no user.

    vectors: [items, dim]; targets: [items, columns]; popularity: [items]; weights: what each of the party's
    own items counts for them, [own items, items], None where it has no vectors in their space.
    """

    placed: Placed
    vectors: Floats
    targets: Floats
    popularity: Floats
    weights: Floats | None

    def tell(self, users: UserRows, activity: Floats, *, compiled: bool = False) -> Told:
        """Return what a head is told of `users` [n] and all the items; activity: [users of the party].

        compiled: by kernels, which are faster and take their time to load.
        """
        rows, placed = user_rows(users), self.placed
        if compiled and len(self.targets) == 1 and isinstance(rows, slice):
            one = self._of_one(rows)
            if one is not None:
                return Told(one[0], one[1], self.popularity, activity[rows], one[2])
        tower: Floats = placed.vectors[rows] @ self.vectors.T
        linear: Floats = placed.sums[rows] @ self.targets.T
        near = np.zeros_like(tower)
        if placed.neighbours is not None and self.weights is not None:
            near = placed.neighbours.weighed(rows, self.weights, compiled=compiled)
        return Told(tower, linear, self.popularity, activity[rows], near)

    def _of_one(self, rows: slice) -> Floats | None:
        """Return tower, linear and nearness, [3, users, 1], of the only item; None where a kernel cannot."""
        placed, near = self.placed, self.placed.neighbours
        if near is None or self.weights is None:
            return None
        from feddmf.kernels.scoring import Near, Product, meet

        found = np.empty((3, how_many(rows)), dtype=np.float32)
        meet(
            Product(_exact(placed.vectors[rows]), _exact(self.vectors[0])),
            Product(_exact(placed.sums[rows]), _exact(self.targets[0])),
            Near(*near.spans(rows), near.data.indices, _exact(self.weights[:, 0])),
            found,
        )
        logarithms(found[2])
        return found[:, :, None]


def _exact(array: npt.NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float32)
