"""A member whose contributions leave under pairwise masks; it wraps the member that computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.masks import KEY_WORDS, PairwiseMasks, to_fixed
from feddmf.members.base import Arrays, Member
from feddmf.payload import Axis, Payload
from feddmf.plan import PartyItems
from feddmf.protocols.base import Phase
from feddmf.protocols.summed import KEYS

__all__ = ["MaskedMember"]

_ONLY_ROW = np.zeros(1, dtype=np.int64)


class MaskedMember:
    """Tells its public key first, then hides what the inner member would release."""

    def __init__(self, inner: Member, items: PartyItems, phases: Sequence[Phase]) -> None:
        self._inner = inner
        self._specs = {
            (phase.name, spec.name): spec for phase in phases for spec in phase.contribution.arrays
        }
        self._plan = items.plan
        self._party = items.view.party
        self._shared = {peer: items.shared_rows(peer) for peer in self._peers}
        self._masks = PairwiseMasks(self._party)
        # Everybody's public keys once they are known, uint64 [1, 4 * parties]; empty before.
        self._told = np.empty((1, 0), dtype=np.uint64)

    @property
    def _peers(self) -> tuple[str, ...]:
        return tuple(party for party in self._plan.roster if party != self._party)

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Return the public key, then round after round the inner contribution under masks."""
        if phase == KEYS:
            return Payload({"public_key": self._masks.public})
        if not self._told.size and reply is not None:
            self._agree(reply["public_keys"])
            reply = None
        released = self._inner.contribute(phase, number, reply)
        return Payload({name: self._hide(array, phase, number, name) for name, array in released.items()})

    def publications(self) -> Payload:
        """Return what the inner member publishes; publications are nobody's sum."""
        return self._inner.publications()

    def figures(self) -> Mapping[str, float]:
        """Return the inner member's figures."""
        return self._inner.figures()

    def model_arrays(self) -> Arrays:
        """Return the inner member's arrays."""
        return self._inner.model_arrays()

    def snapshot(self) -> Arrays:
        """Return the inner state, the private key and the public keys; it stays at home."""
        private = np.frombuffer(self._masks.private, dtype=np.uint8)
        return {**self._inner.snapshot(), "masks.private": private, "masks.told": self._told}

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, bit for bit."""
        own = {"masks.private", "masks.told"}
        self._inner.restore({name: array for name, array in snapshot.items() if name not in own})
        self._masks = PairwiseMasks(self._party, snapshot["masks.private"].tobytes())
        self._told = np.empty((1, 0), dtype=np.uint64)
        if snapshot["masks.told"].size:
            self._agree(snapshot["masks.told"])

    def _agree(self, told: npt.NDArray[np.uint64]) -> None:
        keys = np.split(told, told.shape[1] // KEY_WORDS, axis=1)
        context = ("run", self._plan.run, self._plan.catalogue)
        self._masks.agree(dict(zip(self._plan.roster, keys, strict=True)), context)
        self._told = told

    def _hide(self, array: npt.NDArray[Any], phase: str, number: int, name: str) -> npt.NDArray[np.uint64]:
        # A single row is a sum over everybody; rows over items are sums over those who sell them.
        over_items = self._specs[phase, name].axis is Axis.MATCHED_ITEMS
        rows = self._shared if over_items else dict.fromkeys(self._peers, _ONLY_ROW)
        fixed = to_fixed(array, len(self._plan.roster))
        return self._masks.hide(fixed, f"{phase}/{number}/{name}", rows)
