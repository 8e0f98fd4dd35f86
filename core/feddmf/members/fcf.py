"""Federated collaborative filtering at the party: user factors stay at home, sums over all users leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from feddmf.als import Observed, gradient, gram, least_squares, misfit, on_grid, packed, statistics
from feddmf.errors import DataError
from feddmf.interactions import Interactions
from feddmf.members.base import Arrays
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocol_settings import FCFSettings
from feddmf.protocols.fcf import ITEMS, LOSS_UNIT, START_STD
from feddmf.starts import keyed_normal
from feddmf.support import supported_items

__all__ = ["FCFMember"]

Floats = npt.NDArray[np.float64]


class FCFMember:
    """One party of an fcf run; its cells are its users by the items that it sells.

    Raises InputError for a party of fewer users than an item must have, DataError for a value that is no
    confidence.
    """

    def __init__(self, items: PartyItems, data: Interactions, offered: Sequence[str]) -> None:
        self._settings = items.plan.settings.fcf
        supported = supported_items(data, self._settings.min_support, party=items.view.party, section="fcf")
        self._matched = items.matched_codes
        self._exclusive = items.codes(items.exclusive)
        self._offered = items.codes(tuple(offered))
        # Pairs of items with too few users go before anything is computed, so that nothing depends on them.
        observed = Observed(data.indptr, data.indices, _confidences(items, data), data.items)
        self._by_user = observed.keep_columns(supported)
        by_item = self._by_user.transposed()
        self._by_matched, self._by_exclusive = by_item.take(self._matched), by_item.take(self._exclusive)
        # What others sell too is fitted with their users, and has factors all the same.
        own = np.intersect1d(self._offered, self._exclusive)
        self._below_support = int(np.count_nonzero(~supported[own]))
        rank = self._settings.rank
        self._item_factors = keyed_normal(items.view.keys, rank, START_STD, items.plan.settings.seed)
        self._user_factors = np.zeros((data.users, rank))
        self._loss = 0.0

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:  # noqa: ARG002  (rounds are alike)
        """Take the matched items' factors in, solve users, then own items; return sums over all users."""
        if reply is not None:
            self._item_factors = _replaced(self._item_factors, self._matched, reply["factors"])
        self._solve()
        loss = {"loss": np.array([[self._loss / LOSS_UNIT]])}
        return Payload(self._sums() | loss if phase == ITEMS else loss)

    def publications(self) -> Payload:
        """Return the factors of the offered items, [offered, rank]; zeros where an item has no support."""
        return Payload({"vectors": self._item_factors[self._offered]})

    def figures(self) -> Mapping[str, float]:
        """Return the party's part of J, and how many items that it alone sells and offers lack users."""
        return {"loss": self._loss, "below_support": self._below_support}

    def model_arrays(self) -> Arrays:
        """Return the factors of users and items; they stay at home."""
        return {"user_factors": self._user_factors, "item_factors": self._item_factors}

    def snapshot(self) -> Arrays:
        """Return all factors and the last loss."""
        return {**self.model_arrays(), "loss": np.array(self._loss)}

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, bit for bit."""
        # The memory of a snapshot is its owner's.
        self._user_factors = snapshot["user_factors"].copy()
        self._item_factors = snapshot["item_factors"].copy()
        self._loss = float(snapshot["loss"])

    def _solve(self) -> None:
        """Solve the users, then the items that only this party sells; measure the party's part of J."""
        weight = self._settings.regularization
        users = least_squares(self._by_user, self._item_factors, weight)
        self._user_factors = on_grid(users) if self._settings.grid else users
        own = least_squares(self._by_exclusive, self._user_factors, weight)
        self._item_factors = _replaced(self._item_factors, self._exclusive, own)
        squares = float(np.vdot(self._user_factors, self._user_factors)) + float(np.vdot(own, own))
        self._loss = misfit(self._by_user, self._user_factors, self._item_factors) + weight * squares

    def _sums(self) -> dict[str, Floats]:
        users = self._user_factors
        if self._settings.method == "exact":
            return {"statistics": statistics(self._by_matched, users)}
        slope = gradient(self._by_matched, self._item_factors[self._matched], users)
        if self._settings.method == "adam":
            return {"gradient": slope}
        # No cell counts for more than `most`, so that many Grams majorise the party's part. The largest
        # confidence of the data would do as well, and tell a user's value: the Gram's factor is the run's.
        most = 1 + self._settings.alpha * _most_value(self._settings)
        return {"gradient": slope, "gram": packed(most * gram(users))[None]}


def _replaced(factors: Floats, codes: npt.NDArray[np.int64], rows: Floats) -> Floats:
    """Return a copy with other rows: what was given out before must not change."""
    changed = factors.copy()
    changed[codes] = rows
    return changed


def _most_value(settings: FCFSettings) -> float:
    """Return the largest r that there can be."""
    return 1.0 if settings.confidence == "binary" else settings.max_value


def _confidences(items: PartyItems, data: Interactions) -> Floats:
    """Return c = 1 + alpha r of each pair, float64 [pairs]; values count up to `max_value`."""
    settings: FCFSettings = items.plan.settings.fcf
    if settings.confidence == "binary":
        return np.full(data.pairs, 1 + settings.alpha)
    values = data.values.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        key = items.view.keys[data.indices[bad[0]]]
        raise DataError(
            f"{items.view.party}: a user has the value {values[bad[0]]:g} at item {key}; "
            "as a confidence a value must be 0 or more",
            hint='take such rows out of the table, or set fcf.confidence = "binary"',
        )
    return 1 + settings.alpha * np.minimum(values, _most_value(settings))
