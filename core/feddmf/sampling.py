"""Training samples: every observed pair and drawn unobserved ones, one epoch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.randomness import generator

__all__ = ["Epoch", "Sampler"]


@dataclass(frozen=True, eq=False)
class Epoch:
    """Shuffled samples: users, items int64 [samples] and labels float32 [samples]."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]


class Sampler:
    """Draws epochs; the same (seed, party, epoch) gives the same samples in the same order.

    Negatives are uniform over all unobserved (user, item) cells, not drawn for the user of each positive:
    only so does a user's activity show in the samples, and activity alone ranks well.
    """

    def __init__(self, data: Interactions, *, negatives: int, seed: int, party: str) -> None:
        self._data = data
        self._address = (seed, party)
        self._observed = data.rows().astype(np.int64) * data.items + data.indices  # sorted, [pairs]
        full = data.pairs == data.users * data.items
        self._negatives = 0 if full else negatives * data.pairs

    @property
    def samples(self) -> int:
        """Number of samples an epoch."""
        return self._data.pairs + self._negatives

    def epoch(self, number: int) -> Epoch:
        """Return the samples of epoch `number`."""
        seed, party = self._address
        random = generator(seed, party, "samples", number)
        cells = np.concatenate([self._observed, self._draw_unobserved(random)])
        labels = np.zeros(self.samples, dtype=np.float32)
        labels[: self._data.pairs] = 1
        order = random.permutation(self.samples)
        users, items = np.divmod(cells[order], self._data.items)
        return Epoch(users, items, labels[order])

    def _draw_unobserved(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw cells user * items + item uniformly from the unobserved ones, [negatives]."""
        cells = self._data.users * self._data.items
        if 2 * self._data.pairs > cells:
            # Most draws would be observed; what is left is smaller than what is there.
            left = np.setdiff1d(np.arange(cells), self._observed, assume_unique=True)
            return left[random.integers(max(len(left), 1), size=self._negatives)]
        drawn = random.integers(cells, size=self._negatives)
        wrong = self._is_observed(drawn).nonzero()[0]
        while wrong.size:
            drawn[wrong] = random.integers(cells, size=len(wrong))
            wrong = wrong[self._is_observed(drawn[wrong])]
        return drawn

    def _is_observed(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        at = np.minimum(np.searchsorted(self._observed, cells), len(self._observed) - 1)
        observed: npt.NDArray[np.bool_] = self._observed[at] == cells
        return observed
