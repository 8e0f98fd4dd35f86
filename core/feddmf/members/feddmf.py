"""FedDMF at the party with a free vector a user: trains, gives matched vectors, follows the targets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from feddmf.alignment import mean_cosine
from feddmf.interactions import Interactions
from feddmf.members.deepmf import DeepMFMember
from feddmf.members.pulling import pull_of
from feddmf.model import START_STD, normal
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.feddmf import ALIGN
from feddmf.ranks import Ranks
from feddmf.training import Pull

__all__ = ["FedDMFMember"]


class FedDMFMember(DeepMFMember):
    """One party of a FedDMF run. ranks: the processes that train together, of which this is the first."""

    def __init__(
        self, items: PartyItems, data: Interactions, offered: Sequence[str], ranks: Ranks | None = None
    ) -> None:
        settings = items.plan.settings
        shape = (data.items, settings.model.embedding_dim)
        start = normal(shape, START_STD, settings.seed, items.view.party, "items")
        super().__init__(items, data, offered, start, ranks)
        self._aligned = torch.from_numpy(items.matched_codes[: len(items.aligned)])
        self._cosine = float("nan")

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Train up to this exchange under the last targets; return the matched vectors and the loss."""
        if reply is not None:
            rounds = self._items.plan.settings.rounds
            first, last = self._trainer.span(number - 1 if phase == ALIGN else rounds - 1, rounds)
            self._loss = self._trainer.train(first, last, self._follow(reply))
        vectors = self._rows(self._items.matched_codes)
        if reply is not None:
            pulled = np.flatnonzero(reply["vectors"].any(axis=1))
            self._cosine = mean_cosine(vectors[pulled], reply["vectors"][pulled])
        return Payload({"vectors": vectors, "loss": np.array([[self._loss]], dtype=np.float32)})

    def figures(self) -> Mapping[str, float]:
        """Return the training loss, and the mean cosine of vectors to their last targets where any pulls."""
        return {"loss": self._loss} | ({} if math.isnan(self._cosine) else {"cosine": self._cosine})

    def _follow(self, reply: Payload) -> Pull | None:
        """Take the targets as the vectors where they tie; return what pulls from now on."""
        settings = self._items.plan.settings.alignment
        if settings.method == "tie":
            with torch.no_grad():
                self.model.items[self._aligned] = torch.from_numpy(reply["vectors"].copy())
            return None
        return pull_of(reply, "vectors", self._aligned, self._items.peer_counts, settings)
