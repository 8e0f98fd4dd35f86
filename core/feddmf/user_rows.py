"""Users by code: a slice where the codes follow each other, so that rows are looked at and not copied."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["UserRows", "part_of", "user_rows"]

UserRows = slice | npt.NDArray[np.integer]
"""What picks users' rows out of an array."""


def user_rows(users: npt.NDArray[np.integer]) -> UserRows:
    """Return what picks the rows of `users` [n]: a slice where their codes follow each other."""
    count = len(users)
    if count and users[-1] - users[0] == count - 1 and (users[1:] > users[:-1]).all():
        return slice(int(users[0]), int(users[0]) + count)
    return users


def part_of(rows: UserRows, first: int, last: int) -> UserRows:
    """Return what picks the users from number `first` to before number `last` of `rows`."""
    if isinstance(rows, slice):
        return slice(rows.start + first, min(rows.start + last, rows.stop))
    return rows[first:last]
