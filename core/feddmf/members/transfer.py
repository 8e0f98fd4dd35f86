"""Linear transfer at the party: fits its offered items on its own users, applies the peers' maps to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.members.base import Arrays
from feddmf.members.regressions import Regression, UserRegression
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.transfer import CONTEXTS
from feddmf.transfer import sum_contexts

__all__ = ["TransferMember"]


class TransferMember:
    """One party of a transfer run; a party that offers nothing still applies what the others offer.

    regression: fits the maps; on the users of `data` unless given, which raises InputError for a party of
    fewer users than an item must have.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        offered: Sequence[str],
        regression: Regression | None = None,
    ) -> None:
        self._items = items
        self._data = data
        self._offered = items.codes(tuple(offered))
        self._peers = tuple(party for party in items.plan.roster if party != items.view.party)
        settings = items.plan.settings.transfer
        self._regression = regression or UserRegression(data, settings, party=items.view.party)
        rank, matched = settings.rank, len(items.matched)
        self._contexts = np.zeros((matched, rank), dtype=np.float32)
        self._targets = np.zeros((len(offered), rank), dtype=np.float32)
        # Of the peers, side by side in sorted order.
        self._received = np.zeros((matched, rank * len(self._peers)), dtype=np.float32)
        self._loss, self._effective, self._ridge = 0.0, 0, 0.0

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:  # noqa: ARG002  (one each)
        """Fit and return the context vectors [matched, rank], or keep the peers' and return the loss."""
        if reply is not None:
            self._received = np.array(reply["contexts"])
        if phase == CONTEXTS:
            self._fit()
            return Payload({"contexts": self._contexts})
        return Payload({"loss": np.array([[self._loss]], dtype=np.float32)})

    def publications(self) -> Payload:
        """Return the target vectors of the offered items, [offered, rank]; zeros without support."""
        return Payload({"vectors": self._targets})

    def figures(self) -> Mapping[str, float]:
        """Return the fit's loss and ridge, the rank that its data carries, and how many items it leaves out.

        All of it is 0 before the fit, and the last counts offered items without support.
        """
        below = int(np.count_nonzero(~self._regression.supported[self._offered]))
        fit = {"loss": self._loss, "ridge": self._ridge, "rank": self._effective}
        return {**fit, "below_support": below}

    def model_arrays(self) -> Arrays:
        """Return `users.PEER`, float32 [users, rank]: the peer's contexts summed over what each user has.

        A peer with which no item is shared says nothing of these users, and is left out.
        """
        blocks = np.split(self._received, len(self._peers), axis=1)
        return {
            f"users.{peer}": self._summed(peer, contexts)
            for peer, contexts in zip(self._peers, blocks, strict=True)
            if len(self._items.shared_rows(peer))
        }

    def snapshot(self) -> Arrays:
        """Return the fit and what came of the peers."""
        return {
            "contexts": self._contexts,
            "targets": self._targets,
            "received": self._received,
            "loss": np.array(self._loss),
            "effective": np.array(self._effective),
            "ridge": np.array(self._ridge),
        }

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._contexts, self._targets = snapshot["contexts"], snapshot["targets"]
        self._received = snapshot["received"]
        self._loss, self._effective = float(snapshot["loss"]), int(snapshot["effective"])
        self._ridge = float(snapshot["ridge"])

    def _fit(self) -> None:
        rank = self._items.plan.settings.transfer.rank
        fitted = self._regression.fit(self._items.matched_codes, self._offered, rank=rank)
        self._contexts = fitted.contexts.astype(np.float32)
        self._targets = fitted.targets.astype(np.float32)
        self._loss, self._effective, self._ridge = fitted.loss, fitted.effective, fitted.ridge

    def _summed(self, peer: str, contexts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        # The party believes nothing: only rows that both sell count, whatever the others hold. The sums stay
        # at home, so that items count that few of its users have.
        rows = self._items.shared_rows(peer)
        return sum_contexts(self._data, self._items.matched_codes[rows], contexts[rows]).astype(np.float32)
