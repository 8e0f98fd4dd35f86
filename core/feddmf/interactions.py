"""Which of a party's users have which of its items, in compressed sparse rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Interactions"]


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
        return np.bincount(self.indices, minlength=self.items).astype(np.int64)

    def user_counts(self) -> npt.NDArray[np.int64]:
        """Return the number of items of each user, int64 [users]."""
        return np.diff(self.indptr)

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
        place = np.full(self.items, -1, dtype=np.int64)
        place[codes] = np.arange(len(codes))
        found = place[self.indices]
        kept = found >= 0
        shape = (self.users, len(codes))
        return Interactions.from_pairs(self.rows()[kept], found[kept], self.values[kept], shape=shape)

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

        Raises ValueError where a code lies outside `shape` = (users, items).
        """
        n_users, n_items = shape
        users64, items64 = users.astype(np.int64), items.astype(np.int64)
        for name, codes, limit in (("user", users64, n_users), ("item", items64, n_items)):
            if codes.size and (codes.min() < 0 or codes.max() >= limit):
                raise ValueError(f"{name} code outside 0..{limit - 1}")
        keys, first, inverse = np.unique(users64 * n_items + items64, return_index=True, return_inverse=True)
        if values is None:
            merged = np.ones(len(keys), dtype=np.float32)
        else:
            merged = np.bincount(inverse, weights=values, minlength=len(keys)).astype(np.float32)
        indptr = np.zeros(n_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(users64[first], minlength=n_users), out=indptr[1:])
        return cls(indptr, items64[first].astype(np.int32), merged, n_items)
