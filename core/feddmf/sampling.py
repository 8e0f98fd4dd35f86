"""Training samples: every positive pair with unobserved pairs drawn for it, one epoch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.randomness import generator

__all__ = ["Epoch", "Sampler"]

_TRIES = 16


@dataclass(frozen=True, eq=False)
class Epoch:
    """Shuffled samples: users, items int64 [samples] and labels float32 [samples]."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]


class Sampler:
    """Draws epochs; the same (seed, party, epoch) gives the same samples in the same order."""

    def __init__(self, data: Interactions, *, negatives: int, seed: int, party: str) -> None:
        self._data = data
        self._address = (seed, party)
        self._users = data.rows().astype(np.int64)
        self._items = data.indices.astype(np.int64)
        self._observed = self._users * data.items + self._items  # sorted, [pairs]
        # A user with every item has no unobserved pair to draw.
        can_draw = (data.user_counts() < data.items)[self._users]
        self._negative_users = np.repeat(self._users[can_draw], negatives)

    @property
    def samples(self) -> int:
        """Number of samples an epoch."""
        return len(self._users) + len(self._negative_users)

    def epoch(self, number: int) -> Epoch:
        """Return the samples of epoch `number`."""
        seed, party = self._address
        random = generator(seed, party, "samples", number)
        users = np.concatenate([self._users, self._negative_users])
        items = np.concatenate([self._items, self._draw_unobserved(random)])
        labels = np.zeros(len(users), dtype=np.float32)
        labels[: len(self._users)] = 1
        order = random.permutation(len(users))
        return Epoch(users[order], items[order], labels[order])

    def _draw_unobserved(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw an item uniformly from those that each of the negative users does not have."""
        n_items = self._data.items
        items = random.integers(n_items, size=len(self._negative_users))
        wrong = self._is_observed(self._negative_users, items).nonzero()[0]
        for _ in range(_TRIES):
            if not wrong.size:
                return items
            items[wrong] = random.integers(n_items, size=len(wrong))
            wrong = wrong[self._is_observed(self._negative_users[wrong], items[wrong])]
        for at in wrong:  # users who have nearly everything: draw from what is left
            user = self._negative_users[at]
            own = self._data.indices[self._data.indptr[user] : self._data.indptr[user + 1]]
            items[at] = random.choice(np.setdiff1d(np.arange(n_items), own))
        return items

    def _is_observed(
        self, users: npt.NDArray[np.int64], items: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        keys = users * self._data.items + items
        at = np.minimum(np.searchsorted(self._observed, keys), len(self._observed) - 1)
        return self._observed[at] == keys
