"""Scores of a model with a history tower: a head's probabilities, peer by peer; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.head import Head
from feddmf.interactions import Interactions
from feddmf.neighbours import Neighbours
from feddmf.placed import Placed
from feddmf.scoring import Scorer, Scores, sigmoid

__all__ = ["HistoryScorer"]

Codes = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]


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
        if head is not None:
            return lambda users: head.of_cells(asked.tell(users, self.activity))

        def ordered(users: Codes) -> Floats:
            # For rare items ln of the estimated share is its logit; taste and activity move it.
            told = asked.tell(users, self.activity)
            activity = told.activity[:, None] - np.float32(self.usual_activity)
            return sigmoid(told.tower + told.popularity + activity)

        return ordered

    def score_user_attributes(self, users: Codes, owner: str, vectors: Floats) -> Floats:
        """Return probabilities [users, attributes] of user attributes: `vectors` hold weights, intercepts."""
        return sigmoid(self.placed[owner].attribute_logits(users, vectors, self.activity))


def _with_prefix(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}
