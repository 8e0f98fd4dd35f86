"""Hidden cells item by item, best-scored users first, as running sums: what any audience of them brought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.audience import audience_size, top_users
from feddmf.quality.evidence import Evidence

__all__ = ["RankedEvidence"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankedEvidence:
    """The evidence of one peer, ranked once for audiences of all sizes.

    scores: sums of the 0, 1, 2 ... best scores of each item, [users + 1, hidden]; hits: how many of these
    users have the item, [users + 1, hidden]; equal scores stand in the order of the users.
    """

    scores: Floats
    hits: npt.NDArray[np.int64]

    @classmethod
    def of(cls, evidence: Evidence) -> RankedEvidence:
        """Rank the users of each hidden item."""
        order = top_users(evidence.scores, evidence.users)  # [users, hidden]
        scores, hits = np.zeros((2, evidence.users + 1, len(evidence.items)))
        np.cumsum(
            np.take_along_axis(evidence.scores, order, axis=0), axis=0, dtype=np.float64, out=scores[1:]
        )
        np.cumsum(np.take_along_axis(evidence.truth, order, axis=0), axis=0, dtype=np.float64, out=hits[1:])
        return cls(scores, hits.astype(np.int64))

    @property
    def users(self) -> int:
        """Number of users."""
        return len(self.scores) - 1

    @property
    def items(self) -> int:
        """Number of hidden items."""
        return int(self.scores.shape[1])

    def size(self, share: float) -> int:
        """Return how many of the users are `share` of them; see `audience_size`."""
        return audience_size(share, self.users)
