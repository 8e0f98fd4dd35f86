"""Training samples: every observed pair and drawn unobserved ones, any slice of an epoch by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.kernels.sampling import ROUNDS, Batch, Cells, draw_numbers, draw_places, numbers_at
from feddmf.randomness import counter_seed, generator

__all__ = ["Batch", "Part", "PooledSampler", "Sampler", "Samples", "samples_of"]

Codes = npt.NDArray[np.int64]
_Code = TypeVar("_Code", bound=np.integer[Any])


class Samples(Protocol):
    """What a training takes its samples from."""

    @property
    def samples(self) -> int:
        """Number of samples an epoch."""
        ...

    def batch(self, epoch: int, first: int, last: int) -> Batch:
        """Return the samples first..last-1 of an epoch, the same ones whenever they are asked for."""
        ...


class Sampler:
    """Draws the samples of one table; the same (seed, party, epoch) gives the same ones in the same order.

    Each observed pair is one of an epoch's samples, which are shuffled. The others are uniform over all
    unobserved (user, item) cells, not drawn for the user of each positive: only so does a user's activity
    show in the samples, and activity alone ranks well.
    """

    def __init__(self, data: Interactions, *, negatives: int, seed: int, party: str) -> None:
        self._cells = Cells(
            indptr=_read_only(data.indptr),
            indices=_read_only(data.indices),
            rows=_read_only(data.rows()),
            columns=data.items,
        )
        self._address = (seed, party)
        self.samples = samples_of(data.pairs, data.users * data.items, negatives)
        self._keys = (-1, np.uint64(0), _shuffle(seed, party, -1))  # of the epoch that was last asked for

    def batch(self, epoch: int, first: int, last: int) -> Batch:
        """Return the samples first..last-1 of `epoch`."""
        if self._keys[0] != epoch:
            self._keys = (epoch, self._key(epoch), _shuffle(*self._address, epoch))
        _, key, order = self._keys
        return draw_places(self._cells, key, self.samples, first, last, order)

    def numbered(self, epoch: int, numbers: Codes) -> Batch:
        """Return the samples `numbers` of `epoch`, of which the observed pairs come first."""
        return draw_numbers(self._cells, self._key(epoch), numbers)

    def _key(self, epoch: int) -> np.uint64:
        return np.uint64(counter_seed(*self._address, "unobserved", epoch) % 2**64)


@dataclass(frozen=True, eq=False)
class Part:
    """One party in a pool: its samples, and where its users and items stand in the pool.

    users, items: int64 [users], [items] of the party, the pool's code for each of its own.
    """

    samples: Sampler
    users: Codes
    items: Codes


class PooledSampler:
    """The epochs of several parties as one, in the codes of the pool, shuffled together.

    Each party's unobserved cells are its own, so a cell that no party knows is never drawn.
    """

    def __init__(self, parts: Sequence[Part], *, seed: int) -> None:
        self._parts = tuple(parts)
        self._seed = seed
        self.samples = sum(part.samples.samples for part in self._parts)

    def batch(self, epoch: int, first: int, last: int) -> Batch:
        """Return the samples first..last-1 of `epoch`, over all parties."""
        numbers = numbers_at(self.samples, first, last, _shuffle(self._seed, "pool", epoch))
        users, items = np.empty_like(numbers), np.empty_like(numbers)
        labels = np.empty(len(numbers), dtype=np.float32)
        start = 0
        for part in self._parts:
            end = start + part.samples.samples
            here = np.flatnonzero((start <= numbers) & (numbers < end))
            drawn = part.samples.numbered(epoch, numbers[here] - start)
            users[here], items[here] = part.users[drawn.users], part.items[drawn.items]
            labels[here] = drawn.labels
            start = end
        return Batch(users, items, labels)


def samples_of(pairs: int, cells: int, negatives: int) -> int:
    """Return how many samples an epoch has of a table with `pairs` in so many `cells`."""
    return pairs + (0 if pairs == cells else negatives * pairs)


def _shuffle(seed: int, name: str, epoch: int) -> npt.NDArray[np.uint32]:
    """Return the keys of the order of an epoch's samples, [ROUNDS]."""
    return generator(seed, name, "order", epoch).integers(2**32, size=ROUNDS, dtype=np.uint32)


def _read_only(array: npt.NDArray[_Code]) -> npt.NDArray[_Code]:
    """Return a view that cannot be written, of a mapped file too: compiled code tells these kinds apart."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view
