"""The maps of one peer, which take this party's users to where the peer's items are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.neighbours import Neighbours
from feddmf.placed import Placed
from feddmf.transfer import sum_contexts

__all__ = ["PeerMaps"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PeerMaps:
    """Maps of one peer, by the item codes that both sell, [rows].

    linear: [rows, columns]; contexts [rows, dim] and constant [dim] are the peer's tower, where trainings
    were not aligned and the party's own says nothing of the peer's items.
    """

    codes: Codes
    linear: Floats
    contexts: Floats | None = None
    constant: Floats | None = None

    def place(self, data: Interactions, own_vectors: Floats, items: Floats) -> Placed:
        """Return where the users of `data` are.

        own_vectors: [users, dim], of the party's own tower; items: [items, dim], its own item vectors.
        """
        sums = sum_contexts(data, self.codes, self.linear).astype(np.float32)
        if self.contexts is None or self.constant is None:
            return Placed(own_vectors, sums, neighbours=Neighbours(data, items))
        return Placed(history_vectors(data, self.codes, self.contexts, self.constant), sums)
