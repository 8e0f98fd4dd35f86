"""The training of a DeepMF with a vector a user: alone, as the first of several processes, or beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from feddmf.id_ranks import RankedTrainer, agreed_steps, own_part, stream_of
from feddmf.interactions import Interactions
from feddmf.model import DeepMF, IdTower
from feddmf.plan import PartyItems
from feddmf.ranks import Ranks, users_of_rank
from feddmf.sampling import Sampler
from feddmf.training import Trainer

__all__ = ["IdBeside", "make_id_trainer", "make_sampler"]


def make_sampler(items: PartyItems, data: Interactions, ranks: Ranks | None) -> Sampler:
    """Return the samples that this process trains on, of the users of `data` or of its own among them."""
    settings, party = items.plan.settings, items.view.party
    negatives = settings.training.negatives
    if ranks is None:
        return Sampler(data, negatives=negatives, seed=settings.seed, party=party)
    own = users_of_rank(data, ranks)
    return Sampler(own, negatives=negatives, seed=settings.seed, party=stream_of(party, ranks))


def make_id_trainer(
    items: PartyItems, model: DeepMF, data: Interactions, sampler: Sampler, ranks: Ranks | None
) -> Trainer:
    """Return what trains `model` on the users of `data`, by samples that `make_sampler` has made.

    ranks: the processes that share the users, of which this one is the first.
    """
    settings, party = items.plan.settings, items.view.party
    if ranks is None:
        return Trainer(model, sampler, settings.training, seed=settings.seed, party=party)
    return RankedTrainer(
        own_part(model, ranks),
        sampler,
        settings.training,
        seed=settings.seed,
        party=party,
        per_epoch=agreed_steps(data, settings.training, ranks, party=party),
        ranks=ranks,
        users=data.users,
        whole=model.get_parameter("tower.vectors").detach().numpy(),
    )


class IdBeside:
    """The training of a run in a process that is not the first, on its own users.

    data: of all users.
    """

    def __init__(self, items: PartyItems, data: Interactions, ranks: Ranks) -> None:
        self._items, self._ranks = items, ranks
        self._users, self._width = data.users, data.items
        self._sampler = make_sampler(items, data, ranks)
        self._trainer: RankedTrainer | None = None

    def follow(self, told: Mapping[str, Any]) -> None:
        """Do what rank 0 has told of. Raises Abandoned where it does not go on with its steps."""
        if self._trainer is None:
            self._trainer = self._begin(told["per_epoch"])
        self._trainer.follow(told)

    def _begin(self, per_epoch: int) -> RankedTrainer:
        settings = self._items.plan.settings
        dim = settings.model.embedding_dim
        own = len(range(self._ranks.rank, self._users, self._ranks.size))
        # What the model holds is rank 0's before the first step.
        model = DeepMF(
            IdTower(torch.zeros(own, dim)),
            torch.zeros(self._width, dim),
            hidden=settings.model.hidden_dim,
            dropout=settings.model.dropout,
            seed=settings.seed,
        )
        return RankedTrainer(
            model,
            self._sampler,
            settings.training,
            seed=settings.seed,
            party=self._items.view.party,
            per_epoch=per_epoch,
            ranks=self._ranks,
            users=self._users,
        )
