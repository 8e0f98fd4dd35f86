"""The common form of the public data sets: distinct (user, item, value) pairs and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Dataset", "Pairs"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct (user, item) pairs sorted by user, then item, in code point order.

    users, items: ids, str [pairs]; values: float64 [pairs].
    """

    users: npt.NDArray[np.str_]
    items: npt.NDArray[np.str_]
    values: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def merge(
        cls, users: npt.NDArray[np.str_], items: npt.NDArray[np.str_], values: npt.NDArray[np.float64]
    ) -> Pairs:
        """Sort rows, [rows] each, and add up the values of those with the same user and item."""
        user_ids, user_codes = np.unique(users, return_inverse=True)
        item_ids, item_codes = np.unique(items, return_inverse=True)
        keys, inverse = np.unique(user_codes * len(item_ids) + item_codes, return_inverse=True)
        if not len(keys):
            return cls(users[:0], items[:0], values[:0])
        sums: npt.NDArray[np.float64] = np.bincount(inverse, weights=values).astype(np.float64)
        return cls(user_ids[keys // len(item_ids)], item_ids[keys % len(item_ids)], sums)

    def where(self, rows: npt.NDArray[np.bool_]) -> Pairs:
        """Return the pairs marked in `rows`, bool [pairs]."""
        return Pairs(self.users[rows], self.items[rows], self.values[rows])

    def dense(self, users: npt.NDArray[np.str_], items: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_]:
        """Return which of the sorted `users` have which of the sorted `items`, bool [users, items].

        Raises ValueError where a pair is outside.
        """
        block = np.zeros((len(users), len(items)), dtype=np.bool_)
        block[codes(self.users, users), codes(self.items, items)] = True
        return block


@dataclass(frozen=True, eq=False)
class Dataset:
    """A public data set after cleaning; `value_name` says what `pairs.values` count.

    item_labels: item id -> a name for people, for each item of `pairs`.
    """

    name: str
    title: str
    licence: str
    attribution: str
    value_name: str
    pairs: Pairs
    item_labels: Mapping[str, str]

    @property
    def users(self) -> npt.NDArray[np.str_]:
        """The distinct user ids, sorted, str [users]."""
        return np.unique(self.pairs.users)

    @property
    def items(self) -> npt.NDArray[np.str_]:
        """The distinct item ids, sorted, str [items]."""
        return np.unique(self.pairs.items)


def codes(ids: npt.NDArray[np.str_], known: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """Return the place of each of `ids` in the sorted `known`, [ids]; ValueError where one is not there."""
    found = np.searchsorted(known, ids)
    inside = found < len(known)
    inside[inside] = known[found[inside]] == ids[inside]
    if not inside.all():
        raise ValueError(f"id {ids[~inside][0]} is not among the ids given")
    return found
