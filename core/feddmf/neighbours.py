"""How near an item is to those that a user has, by the party's own item vectors; numpy only.

The sum over the user's items of the cosine to the asked item, cut at 0 and raised to a power: near ones
count, and all others do not. Item-based collaborative filtering (Sarwar et al., 2001), in the space in which
the vectors of a peer's items mean the same as the party's own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.alignment import unit_rows
from feddmf.interactions import Interactions
from feddmf.user_rows import UserRows, how_many, user_rows

__all__ = ["Neighbours", "logarithms"]

Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]

# Three squarings: a cosine of .9 counts .43, one of .5 counts .004.
_SQUARINGS = 3
# Of an item that is near to nothing.
_LEAST = 0.05
# Cosines that are looked up at once: 32 MiB.
_BLOCK_CELLS = 1 << 23
# From so many cells on, a compiled kernel saves more than it takes to load.
_COMPILED_CELLS = 1 << 18


@dataclass(frozen=True, eq=False)
class Neighbours:
    """data: the histories of users; vectors: float32 [items, dim], the party's own vectors of its items."""

    data: Interactions
    vectors: Floats

    @cached_property
    def _units(self) -> Floats:
        units: Floats = unit_rows(self.vectors)
        return units

    def weights(self, asked: Floats) -> Floats:
        """Return what each own item counts for `asked` item vectors [items, dim], [own items, asked]."""
        weights = np.maximum(self._units @ unit_rows(asked).T, 0)
        for _ in range(_SQUARINGS):
            weights *= weights
        counted: Floats = weights.astype(np.float32, copy=False)
        return counted

    def nearness(self, users: Codes, asked: Floats) -> Floats:
        """Return ln of the nearness of `asked` item vectors [items, dim] to user codes [n], [n, items]."""
        weights = self.weights(asked)
        return self.weighed(users, weights, compiled=len(users) * len(asked) >= _COMPILED_CELLS)

    def weighed(self, users: UserRows, weights: Floats, *, compiled: bool = False) -> Floats:
        """Return `nearness`, given the `weights` of what is asked, [own, items].

        compiled: by a kernel, which is faster and takes its time to load.
        """
        rows = user_rows(users)
        near = np.zeros((how_many(rows), weights.shape[1]), dtype=np.float32)
        sums = self._compiled if compiled else self._by_numpy
        sums(rows, weights, near)
        return logarithms(near)

    def spans(self, users: UserRows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return where in the histories the items of `users` begin and end, [users] each."""
        return self.data.indptr[:-1][users], self.data.indptr[1:][users]

    def _compiled(self, users: UserRows, weights: Floats, near: Floats) -> None:
        from feddmf.kernels.scoring import near_sums

        near_sums(*self.spans(users), self.data.indices, weights, near)

    def _by_numpy(self, users: UserRows, weights: Floats, near: Floats) -> None:
        begin, end = self.spans(users)
        lengths = end - begin
        most = max(1, _BLOCK_CELLS // max(weights.shape[1], 1))
        for first, last in _blocks(lengths, most):
            block = lengths[first:last]
            filled = np.flatnonzero(block)
            if not len(filled):
                continue
            starts = np.cumsum(block) - block
            places = np.arange(int(block.sum())) + np.repeat(begin[first:last] - starts, block)
            found = weights[self.data.indices[places]]
            near[first + filled] = np.add.reduceat(found, starts[filled], axis=0)


def logarithms(near: Floats) -> Floats:
    """Return what a head is told of sums of weights, in their place."""
    near += np.float32(_LEAST)
    logs: Floats = np.log(near, out=near)
    return logs


def _blocks(lengths: npt.NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Return first and last + 1 of runs of users with about `most` items in all, each of one user or more."""
    if not len(lengths):
        return []
    cuts = np.flatnonzero(np.diff(np.cumsum(lengths) // most)) + 1
    ends = [0, *cuts.tolist(), len(lengths)]
    return list(itertools.pairwise(ends))
