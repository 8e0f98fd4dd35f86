"""The trainings of a history tower: of which items, and what takes their steps, here or beside rank 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from feddmf.history import HistoryModel
from feddmf.history_ranks import RankedTrainer
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.plan import PartyItems
from feddmf.protocols.feddmf import PILOT
from feddmf.ranks import Ranks, users_of_rank
from feddmf.user_attributes import UserAttributes, without_items

__all__ = ["Beside", "make_trainer", "products_of", "seen_in"]

Bools = npt.NDArray[np.bool_]


def products_of(items: int, attributes: UserAttributes | None) -> Bools:
    """Return which items are none of the user attributes, bool [items]; these alone are trained on."""
    products = np.ones(items, dtype=np.bool_)
    if attributes is not None:
        products[attributes.codes] = False
    return products


def seen_in(training: str, items: PartyItems, products: Bools) -> Bools:
    """Return the items that there are in a training, bool [items]: in the pilot nothing that is hidden."""
    seen = products.copy()
    if training == PILOT:
        seen[items.codes(items.hidden)] = False
    return seen


def make_trainer(
    training: str,
    items: PartyItems,
    model: HistoryModel,
    *,
    data: Interactions,
    seen: Bools,
    ranks: Ranks | None = None,
) -> HistoryTrainer:
    """Return what trains `model` on `data`, which has no pair of an item that is not `seen`.

    ranks: the processes that share the users, of which this one is the first.
    """
    settings = items.plan.settings
    if ranks is not None:
        own = users_of_rank(data, ranks)
        return _ranked(training, items, model, ranks, data=own, seen=seen, users=data.users)
    return HistoryTrainer(
        model,
        data,
        seen,
        settings.training,
        dropout=settings.model.dropout,
        rounds=settings.rounds,
        address=(settings.seed, items.view.party, training),
    )


class Beside:
    """The trainings of a run in a process that is not the first, on its own users.

    data: these alone, with the pairs of user attributes, of `users` that the party has.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        attributes: UserAttributes | None,
        ranks: Ranks,
        *,
        users: int,
    ) -> None:
        self._items, self._ranks, self._users = items, ranks, users
        self._products = products_of(data.items, attributes)
        self._data = without_items(data, np.flatnonzero(~self._products))
        self._trainer: tuple[str, RankedTrainer] | None = None

    def follow(self, told: Mapping[str, Any]) -> None:
        """Take the steps that rank 0 has told of. Raises Abandoned where it does not go on with them."""
        training = str(told["training"])
        if self._trainer is None or self._trainer[0] != training:
            # The one before is over, and its memory free for the next one.
            self._trainer = None
            self._trainer = training, self._begin(training)
        self._trainer[1].follow(told)

    def _begin(self, training: str) -> RankedTrainer:
        seen = seen_in(training, self._items, self._products)
        data = without_items(self._data, np.flatnonzero(self._products & ~seen))
        # What the tables hold is rank 0's before the first step.
        shape = data.items, self._items.plan.settings.model.embedding_dim
        model = HistoryModel(torch.zeros(shape), torch.zeros(shape), data)
        return _ranked(training, self._items, model, self._ranks, data=data, seen=seen, users=self._users)


def _ranked(
    training: str,
    items: PartyItems,
    model: HistoryModel,
    ranks: Ranks,
    *,
    data: Interactions,
    seen: Bools,
    users: int,
) -> RankedTrainer:
    settings = items.plan.settings
    return RankedTrainer(
        model,
        data,
        seen,
        settings.training,
        dropout=settings.model.dropout,
        rounds=settings.rounds,
        address=(settings.seed, items.view.party, training),
        ranks=ranks,
        users=users,
    )
