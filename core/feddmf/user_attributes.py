"""What a party knows of its users beside what they have: columns of a user table, never part of a history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions

__all__ = [
    "FEWEST_USERS",
    "UserAttributes",
    "column_of",
    "dense_labels",
    "too_few",
    "without_items",
]

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

FEWEST_USERS = 10
"""Users who must have an attribute, and as many who must lack it, before anything is told of it."""


@dataclass(frozen=True, eq=False)
class UserAttributes:
    """The item codes of a party that are user attributes, such as country=France, and whose value is known.

    codes: int64 [k], ascending; columns: the column of each, so that classes of one column are known
    together; known: bool [users, k], users with a value in that column: all others neither have nor lack it.
    min_users: users who must have an attribute, and as many who must lack it.
    """

    codes: Codes
    columns: tuple[str, ...]
    known: Bools
    min_users: int = FEWEST_USERS

    def __len__(self) -> int:
        """Return the number of attributes."""
        return len(self.codes)

    def among(self, codes: npt.NDArray[np.integer]) -> UserAttributes:
        """Return those of them that are among item `codes`."""
        kept = np.flatnonzero(np.isin(self.codes, codes))
        columns = tuple(self.columns[at] for at in kept)
        return replace(self, codes=self.codes[kept], columns=columns, known=self.known[:, kept])

    def with_min_users(self, least: int) -> UserAttributes:
        """Return them with `min_users` raised to `least` where it is lower."""
        return replace(self, min_users=max(self.min_users, least))

    def labels(self, data: Interactions) -> Bools:
        """Return who of the users of `data` has which attribute, bool [users, k]."""
        return dense_labels(data, self.codes)

    def too_few(self, data: Interactions) -> Mapping[int, str]:
        """Return place among `codes` -> why nothing can be told of the attribute; see `too_few`."""
        return too_few(self.labels(data), self.known, self.min_users)


def column_of(name: str) -> str:
    """Return the column behind an attribute's name: country for country=France; the whole name without =."""
    column, equals, _ = name.partition("=")
    return column if equals else name


def dense_labels(data: Interactions, codes: npt.NDArray[np.integer]) -> Bools:
    """Return which users of `data` have which of item `codes` [k], bool [users, k]."""
    chosen = data.columns(codes)
    labels = np.zeros((data.users, len(codes)), dtype=np.bool_)
    labels[chosen.rows(), chosen.indices] = True
    return labels


def without_items(data: Interactions, codes: npt.NDArray[np.integer]) -> Interactions:
    """Return `data` without the pairs of item `codes`; the codes of all other items stay as they are."""
    if not len(codes):
        return data
    place = np.arange(data.items, dtype=np.int32)
    place[codes] = -1
    return data.recoded(place, data.items)


def too_few(labels: Bools, known: Bools, min_users: int) -> Mapping[int, str]:
    """Return attribute -> reason for each that fewer than `min_users` users have, or fewer lack.

    labels, known: bool [users, k]; users whose value is not known count for neither.
    """
    having = (labels & known).sum(axis=0).tolist()
    lacking = (~labels & known).sum(axis=0).tolist()
    return MappingProxyType(
        {
            at: f"{has} users have it and {lacks} lack it; {min_users} of each are needed"
            for at, (has, lacks) in enumerate(zip(having, lacking, strict=True))
            if min(has, lacks) < min_users
        }
    )
