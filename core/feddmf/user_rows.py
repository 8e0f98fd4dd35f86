"""Users by code: a slice where the codes follow each other, so that rows are looked at and not copied."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["UserRows", "how_many", "part_of", "user_rows"]

UserRows = slice | npt.NDArray[np.integer]
"""What picks users' rows out of an array."""


def user_rows(users: UserRows) -> UserRows:
    """Return what picks the rows of `users` [n]: a slice where their codes follow each other."""
    if isinstance(users, slice):
        return users
    count = len(users)
    if count and users[-1] - users[0] == count - 1 and (users[1:] > users[:-1]).all():
        return slice(int(users[0]), int(users[0]) + count)
    return users


def how_many(rows: UserRows) -> int:
    """Return how many users `rows` pick."""
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def part_of(rows: UserRows, first: int, last: int) -> UserRows:
    """Return what picks the users from number `first` to before number `last` of `rows`."""
    if isinstance(rows, slice):
        return slice(rows.start + first, min(rows.start + last, rows.stop))
    return rows[first:last]
