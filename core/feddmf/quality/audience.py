"""What choosing the best-scored users of an item gives, by how many are chosen, over the hidden items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.best import best_places
from feddmf.quality.evidence import Evidence
from feddmf.quality.intervals import Interval, Resampling
from feddmf.quality.rungs import ratio

__all__ = ["AUDIENCE_SHARES", "AudienceFigures", "audience_size", "audiences", "top_users"]

AUDIENCE_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Sizes of audience that are reported, as shares of the users."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AudienceFigures:
    """Audiences of `users` a hidden item, the best-scored ones, which is `share` of the users.

    precision: share of those chosen who have the item, over all items; recall: share of those who have it who
    are chosen; lift: precision over the share of all users who have it.
    """

    share: float
    users: int
    precision: Interval
    recall: Interval
    lift: Interval


def audience_size(share: float, users: int) -> int:
    """Return how many of `users` are `share` of them: at least one, where there are any."""
    return min(users, max(1, round(share * users)))


def top_users(scores: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.int64]:
    """Return the `size` users with the highest scores for each item, [size, items], highest first.

    scores: [users, items]. Equal scores stand in the order of the users.
    """
    by_item = np.ascontiguousarray(scores.T)
    ranked = [best_places(each, size) for each in by_item]
    return np.stack(ranked, axis=1) if ranked else np.empty((min(size, len(scores)), 0), dtype=np.int64)


def audiences(evidence: Evidence, resampling: Resampling) -> tuple[AudienceFigures, ...]:
    """Return the figures of each size of AUDIENCE_SHARES, smallest first; a size is reported once."""
    sizes = (
        dict.fromkeys(audience_size(share, evidence.users) for share in AUDIENCE_SHARES)
        if evidence.users
        else {}
    )
    ranked = np.take_along_axis(evidence.truth, top_users(evidence.scores, max(sizes, default=0)), axis=0)
    hits = np.cumsum(ranked, axis=0, dtype=np.float64)  # [largest size, hidden]
    return tuple(_figures(evidence, hits[size - 1], size, resampling) for size in sizes)


def _figures(evidence: Evidence, hits: Floats, size: int, resampling: Resampling) -> AudienceFigures:
    owners = evidence.truth.sum(axis=0, dtype=np.float64)  # [hidden]

    def precision(drawn: Floats) -> Floats:
        return ratio(drawn @ hits, size * drawn.sum(axis=1))

    def recall(drawn: Floats) -> Floats:
        return ratio(drawn @ hits, drawn @ owners)

    def lift(drawn: Floats) -> Floats:
        return recall(drawn) * evidence.users / size

    return AudienceFigures(
        share=size / evidence.users,
        users=size,
        precision=resampling.interval(precision),
        recall=resampling.interval(recall),
        lift=resampling.interval(lift, scale="ratio"),
    )
