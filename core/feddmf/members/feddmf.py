"""FedDMF at the party: trains DeepMF on its own users, gives matched vectors, follows the targets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from feddmf.alignment import mean_cosine
from feddmf.errors import RunFailed
from feddmf.interactions import Interactions
from feddmf.members.deepmf import DeepMFMember
from feddmf.model import START_STD, normal
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.training import Pull

__all__ = ["FedDMFMember"]


class FedDMFMember(DeepMFMember):
    """One party of a FedDMF run."""

    def __init__(self, items: PartyItems, data: Interactions, offered: Sequence[str]) -> None:
        settings = items.plan.settings
        shape = (data.items, settings.model.embedding_dim)
        start = normal(shape, START_STD, settings.seed, items.view.party, "items")
        super().__init__(items, data, offered, start)
        self._single_peer = torch.from_numpy(items.peer_counts == 1)
        self._aligned = torch.from_numpy(items.matched_codes[: len(items.aligned)])
        self._cosine = float("nan")

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Train up to this exchange under the last targets; return the matched vectors and the loss."""
        if reply is not None:
            before = number - 1 if phase == "align" else self._items.plan.settings.rounds - 1
            first, last = self._trainer.span(before, self._items.plan.settings.rounds)
            self._loss = self._trainer.train(first, last, self._pull(reply))
        vectors = self._rows(self._items.matched_codes)
        if reply is not None:
            pulled = np.flatnonzero(reply["targets"].any(axis=1))
            self._cosine = mean_cosine(vectors[pulled], reply["targets"][pulled])
        return Payload({"vectors": vectors, "loss": np.array([[self._loss]], dtype=np.float32)})

    def figures(self) -> Mapping[str, float]:
        """Return the training loss, and the mean cosine of vectors to their last targets where any pulls."""
        return {"loss": self._loss} | ({} if math.isnan(self._cosine) else {"cosine": self._cosine})

    def _pull(self, reply: Payload) -> Pull:
        settings, pairs = self._items.plan.settings.alignment, int(reply["pairs"][0, 0])
        # The party believes nothing: each item that it aligns has a peer, so there are as many pairs or more.
        least = len(self._items.aligned)
        if pairs < least:
            raise RunFailed(
                f"the coordinator counts {pairs} pairs where this party alone aligns {least} items",
                hint="both ends must run the same version and catalogue",
            )
        return Pull(
            codes=self._aligned,
            # The reply's memory is read-only, and torch wants to own what it is given.
            targets=torch.from_numpy(reply["targets"].copy()),
            single_peer=self._single_peer,
            scale=settings.beta / pairs,
            margin=settings.margin,
        )
