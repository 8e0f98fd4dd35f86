"""Scores of a model with a history tower: a head's probabilities, peer by peer; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.head import Head, Told
from feddmf.interactions import Interactions
from feddmf.neighbours import Neighbours
from feddmf.placed import Placed
from feddmf.scoring import Scorer, Scores, sigmoid
from feddmf.user_rows import UserRows, how_many, part_of, user_rows

__all__ = ["HistoryScorer"]

Floats = npt.NDArray[np.float32]

# From so many cells on, compiled kernels save more than they take to load.
_COMPILED_CELLS = 1 << 17
# Cells of a block: what is known of them stays in a core's cache.
_BLOCK_CELLS = 1 << 14


@dataclass(frozen=True, eq=False)
class HistoryScorer(Scorer):
    """Users of a party with the heads that it fitted on hidden items.

    own: [users, dim], vectors of the party's own tower; placed: by peer, in whose spaces; heads: by peer,
    none where hidden items were too few; activity: [users], and its mean over all users of the run.
    """

    own: Floats
    activity: Floats
    usual_activity: float
    placed: Mapping[str, Placed]
    heads: Mapping[str, Head]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> HistoryScorer:
        """Take what a member with histories keeps; KeyError names a missing array."""
        own = arrays["user_vectors"]
        data = Interactions(
            arrays["histories.starts"],
            arrays["histories.items"],
            np.broadcast_to(np.float32(1), len(arrays["histories.items"])),
            len(arrays["vectors"]),
        )
        near = Neighbours(data, arrays["vectors"])
        peers = [name.removeprefix("linear.") for name in arrays if name.startswith("linear.")]
        measured = [
            name.split(".")[1] for name in arrays if name.startswith("head.") and name.endswith(".centre")
        ]
        return cls(
            own=own,
            activity=arrays["activity"],
            usual_activity=float(arrays["activity"].mean()),
            placed={
                peer: Placed(
                    arrays.get(f"user_vectors.{peer}", own),
                    arrays[f"linear.{peer}"],
                    # Vectors of a peer whose tower is its own mean nothing beside the party's.
                    neighbours=None if f"user_vectors.{peer}" in arrays else near,
                )
                for peer in peers
            },
            heads={peer: Head.from_arrays(_with_prefix(f"head.{peer}.", arrays)) for peer in measured},
        )

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self.own)

    def vector_length(self, owner: str) -> int | None:
        """Return the length of what `owner` publishes of an item; None where no item is shared with it."""
        placed = self.placed.get(owner)
        return None if placed is None else placed.vectors.shape[1] + 2 + placed.sums.shape[1]

    def head(self, owner: str) -> Head | None:
        """Return the head that was fitted for `owner`, None where there was too little to fit one on."""
        return self.heads.get(owner)

    def prepare(self, owner: str, vectors: npt.NDArray[np.floating]) -> Scores:
        """Return what gives probabilities by the owner's head.

        Without a head they are in a sensible order, and not calibrated.
        """
        asked, head = self.placed[owner].ask(vectors.astype(np.float32, copy=False)), self.heads.get(owner)
        step = max(1, _BLOCK_CELLS // max(1, len(vectors)))

        def scores(users: UserRows) -> Floats:
            rows, count = user_rows(users), how_many(users)
            found = np.empty((count, len(vectors)), dtype=np.float32)
            compiled = found.size >= _COMPILED_CELLS
            for start in range(0, count, step):
                told = asked.tell(part_of(rows, start, start + step), self.activity, compiled=compiled)
                found[start : start + step] = (
                    self._ordered(told) if head is None else head.of_cells(told, compiled=compiled)
                )
            return found

        return scores

    def _ordered(self, told: Told) -> Floats:
        # For rare items ln of the estimated share is its logit; taste and activity move it.
        activity = told.activity[:, None] - np.float32(self.usual_activity)
        return sigmoid(told.tower + told.popularity + activity)

    def score_user_attributes(self, users: UserRows, owner: str, vectors: Floats) -> Floats:
        """Return probabilities [users, attributes] of user attributes: `vectors` hold weights, intercepts."""
        return sigmoid(self.placed[owner].attribute_logits(users, vectors, self.activity))


def _with_prefix(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}
