"""What members that train a DeepMF have in common: the model and its training, what is kept and published."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.base import Arrays
from feddmf.members.id_trainings import make_id_trainer, make_sampler
from feddmf.model import fresh_model
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.ranks import Ranks

__all__ = ["DeepMFMember"]


class DeepMFMember:
    """A party's DeepMF, which starts from item vectors `start` [items, dim].

    ranks: the processes that train together, of which this is the first. Raises InputError for a table
    without a pair.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        offered: Sequence[str],
        start: Tensor,
        ranks: Ranks | None = None,
    ) -> None:
        self._items = items
        self._offered = items.codes(tuple(offered))
        settings, party = items.plan.settings, items.view.party
        if not data.pairs:
            raise InputError(
                f"{party} has no pair to train on: none of its users has any of its items",
                hint="take part with a table of interactions with items of the catalogue",
            )
        seed = settings.seed
        torch.set_num_threads(settings.training.threads)
        self.model = fresh_model(data.users, start, settings.model, seed=seed, party=party)
        self._sampler = make_sampler(items, data, ranks)
        self._trainer = make_id_trainer(items, self.model, data, self._sampler, ranks)
        self._loss = 0.0

    def publications(self) -> Payload:
        """Return the vectors of the offered items, [offered, dim]."""
        return Payload({"vectors": self._rows(self._offered)})

    def model_arrays(self) -> Arrays:
        """Return the trained arrays by name; they stay at home."""
        self._trainer.complete()
        return {name: tensor.numpy() for name, tensor in self.model.arrays().items()}

    def snapshot(self) -> Arrays:
        """Return the trainer's state and the last loss."""
        return {**self._trainer.snapshot(), "loss": np.array(self._loss)}

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._trainer.restore({name: array for name, array in snapshot.items() if name != "loss"})
        self._loss = float(snapshot["loss"])

    def _rows(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        rows: npt.NDArray[np.float32] = self.model.items.detach().numpy()[codes]
        return rows
