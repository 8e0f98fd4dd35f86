"""Predictions that know nothing of a user's taste: what any model must beat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["popularity", "popularity_x_activity", "random_scores"]


def random_scores(shape: tuple[int, int], generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return uniform scores in [0, 1), float64 of `shape` = (users, items)."""
    return generator.random(shape)


def popularity(
    counts: npt.NDArray[np.integer | np.floating], owner_users: int, users: int
) -> npt.NDArray[np.float64]:
    """Return the share of the owner's users who have each item, the same for each of `users`.

    counts: the owner's users behind each item, [items]; returns float64 [users, items], a read-only view of
    one row. Raises ValueError where a count is not within 0..`owner_users`, or `owner_users` is not positive.
    """
    if owner_users <= 0:
        raise ValueError(f"owner_users is {owner_users}, not positive")
    if ((counts < 0) | (counts > owner_users)).any():
        raise ValueError(f"a count is outside 0..{owner_users}")
    return np.broadcast_to(counts / owner_users, (users, len(counts)))


def popularity_x_activity(
    counts: npt.NDArray[np.integer | np.floating],
    owner_users: int,
    activity: npt.NDArray[np.integer | np.floating],
) -> npt.NDArray[np.float64]:
    """Return the popularity scaled by each user's activity over the mean activity, clipped to [0, 1].

    activity: the number of items that each user has, [users]; returns float64 [users, items]. Raises
    ValueError as `popularity` does, and where an activity is negative or all are 0.
    """
    if (activity < 0).any() or not activity.any():
        raise ValueError("activity must not be negative, nor 0 for all users")
    share = popularity(counts, owner_users, 1)  # [1, items]
    scaled: npt.NDArray[np.float64] = share * (activity / activity.mean())[:, None]
    return np.clip(scaled, 0.0, 1.0)
