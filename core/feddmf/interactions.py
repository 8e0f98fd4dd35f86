"""Which of a party's users have which of its items, in compressed sparse rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.merging import Chunk, merged

__all__ = ["Interactions"]

# Pairs that are looked at together where a result is made of a part of the table.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Interactions:
    """The observed (user, item) pairs of one party; each row sorted, without duplicates.

    indptr: int64 [users + 1]; indices: int32 [pairs], item codes below `items`;
    values: float32 [pairs], the summed value column, or ones where the table has none.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    items: int

    @property
    def users(self) -> int:
        """Number of users."""
        return len(self.indptr) - 1

    @property
    def pairs(self) -> int:
        """Number of distinct observed (user, item) pairs."""
        return len(self.indices)

    def rows(self) -> npt.NDArray[np.int32]:
        """Return the user code of each pair, int32 [pairs]."""
        return np.repeat(np.arange(self.users, dtype=np.int32), np.diff(self.indptr))

    def item_counts(self) -> npt.NDArray[np.int64]:
        """Return the number of users behind each item, int64 [items]."""
        counts = np.zeros(self.items, dtype=np.int64)
        for first in range(0, self.pairs, _BLOCK):
            counts += np.bincount(self.indices[first : first + _BLOCK], minlength=self.items)
        return counts

    def user_counts(self) -> npt.NDArray[np.int64]:
        """Return the number of items of each user, int64 [users]."""
        return np.diff(self.indptr)

    def blocks(self, pairs: int = _BLOCK) -> Iterator[tuple[int, int]]:
        """Yield first and last user (exclusive) of blocks of up to `pairs` pairs, or of a user with more."""
        first = 0
        while first < self.users:
            last = int(np.searchsorted(self.indptr, self.indptr[first] + pairs, side="right")) - 1
            last = max(first + 1, last)
            yield first, last
            first = last

    def of_users(self, users: npt.NDArray[np.integer]) -> Interactions:
        """Return the users with these codes alone, in the order given."""
        lengths = self.user_counts()[users]
        ends = np.cumsum(lengths)
        places = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
            self.indptr[users] - ends + lengths, lengths
        )
        indptr = np.concatenate([[0], ends]).astype(np.int64)
        return Interactions(indptr, self.indices[places], self.values[places], self.items)

    def columns(self, codes: npt.NDArray[np.integer]) -> Interactions:
        """Return the same users with the items `codes` alone, which are 0, 1, ... in the order given."""
        place = np.full(self.items, -1, dtype=np.int32)
        place[codes] = np.arange(len(codes), dtype=np.int32)
        return self.recoded(place, len(codes))

    def recoded(self, place: npt.NDArray[np.int32], items: int) -> Interactions:
        """Return the pairs with item i as item `place[i]` of `items`, without those that go to -1.

        place: int32 [items], without a place twice. Memory beside the result is that of a block of pairs.
        """
        total = int(self.item_counts()[place >= 0].sum())
        indptr = np.zeros(self.users + 1, dtype=np.int64)
        indices = np.empty(total, dtype=np.int32)
        values = np.empty(total, dtype=np.float32)
        ordered = bool((np.diff(place[place >= 0]) > 0).all())
        start = 0
        for first, last in self.blocks():
            pairs = slice(int(self.indptr[first]), int(self.indptr[last]))
            found = place[self.indices[pairs]]
            kept = np.flatnonzero(found >= 0)
            # How many are kept before each user's first pair.
            before = np.searchsorted(kept, self.indptr[first : last + 1] - pairs.start)
            if not ordered:
                rows = np.repeat(np.arange(last - first), np.diff(before))
                kept = kept[np.lexsort((found[kept], rows))]
            stop = start + len(kept)
            indptr[first + 1 : last + 1] = start + before[1:]
            indices[start:stop] = found[kept]
            values[start:stop] = self.values[pairs][kept]
            start = stop
        return Interactions(indptr, indices, values, items)

    @classmethod
    def from_pairs(
        cls,
        users: npt.NDArray[np.integer],
        items: npt.NDArray[np.integer],
        values: npt.NDArray[np.floating] | None = None,
        *,
        shape: tuple[int, int],
    ) -> Interactions:
        """Merge duplicates (values add up) and sort; `users` and `items` are codes, [pairs] each.

        The values of a pair are added from the least up, whatever the order of the pairs. Raises ValueError
        where a code lies outside `shape` = (users, items).
        """
        return cls.from_chunks([Chunk(users, items, values)], shape=shape)

    @classmethod
    def from_chunks(cls, chunks: list[Chunk], *, shape: tuple[int, int]) -> Interactions:
        """Do as `from_pairs` with pairs in chunks, of which all have values or none.

        The list is emptied, so that pairs and result do not stand in memory together.
        """
        indptr, indices, values = merged(chunks, shape)
        return cls(indptr, indices, values, shape[1])
