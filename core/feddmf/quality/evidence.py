"""What a party knows of a peer's vectors at first hand: scores of cells that were hidden, and their truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Evidence"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Out-of-fold probabilities of a party's users for a peer's vectors of the items it hid, and the truth.

    items: int64 codes [hidden]; scores: float32 probabilities [users, hidden]; truth: bool [users, hidden].
    Raises ValueError where the shapes differ or a score is no probability.
    """

    peer: str
    items: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    truth: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.scores.shape != self.truth.shape or self.scores.shape[1:] != self.items.shape:
            shapes = (self.items.shape, self.scores.shape, self.truth.shape)
            raise ValueError(f"items, scores, truth are {shapes}")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("a score is not within 0..1")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], peer: str) -> Evidence | None:
        """Take the arrays hidden.PEER.* of a party's model; None where no score of `peer` could be checked.

        KeyError names an array that is missing beside the scores.
        """
        prefix = f"hidden.{peer}."
        if f"{prefix}scores" not in arrays:
            return None
        items, scores, truth = (arrays[prefix + name] for name in ("items", "scores", "truth"))
        return cls(peer, items.astype(np.int64), scores.astype(np.float32), truth.astype(np.bool_))

    @property
    def users(self) -> int:
        """Number of users with scores."""
        return len(self.scores)

    @property
    def positives(self) -> int:
        """Number of positive cells."""
        return int(np.count_nonzero(self.truth))

    def of_items(self, places: npt.NDArray[np.integer]) -> Evidence:
        """Return the evidence of the hidden items at these places alone."""
        return Evidence(self.peer, self.items[places], self.scores[:, places], self.truth[:, places])
