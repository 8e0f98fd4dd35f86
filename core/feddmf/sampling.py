"""Training samples: every observed pair and drawn unobserved ones, one epoch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.randomness import generator

__all__ = ["Epoch", "Part", "PooledSampler", "Sampler", "Samples"]


@dataclass(frozen=True, eq=False)
class Epoch:
    """Shuffled samples: users, items int64 [samples] and labels float32 [samples]."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]


class Samples(Protocol):
    """What a training takes its epochs from."""

    @property
    def samples(self) -> int:
        """Number of samples an epoch."""
        ...

    def epoch(self, number: int) -> Epoch:
        """Return the samples of epoch `number`, the same ones whenever it is asked for."""
        ...


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


@dataclass(frozen=True, eq=False)
class Part:
    """One party in a pool: its samples, and where its users and items stand in the pool.

    users, items: int64 [users], [items] of the party, the pool's code for each of its own.
    """

    samples: Samples
    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]


class PooledSampler:
    """The epochs of several parties as one, in the codes of the pool, shuffled together.

    Each party's negatives are its own, so a cell that no party knows is never drawn.
    """

    def __init__(self, parts: Sequence[Part], *, seed: int) -> None:
        self._parts = tuple(parts)
        self._seed = seed

    @property
    def samples(self) -> int:
        """Number of samples an epoch, over all parties."""
        return sum(part.samples.samples for part in self._parts)

    def epoch(self, number: int) -> Epoch:
        """Return the samples of epoch `number`."""
        epochs = [part.samples.epoch(number) for part in self._parts]
        users = [part.users[epoch.users] for part, epoch in zip(self._parts, epochs, strict=True)]
        items = [part.items[epoch.items] for part, epoch in zip(self._parts, epochs, strict=True)]
        labels = np.concatenate([epoch.labels for epoch in epochs])
        order = generator(self._seed, "pool", number).permutation(len(labels))
        return Epoch(np.concatenate(users)[order], np.concatenate(items)[order], labels[order])
