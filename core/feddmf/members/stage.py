"""One training of a history tower: what it starts from, what it uploads, how it follows a reply."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from feddmf.alignment import mean_cosine
from feddmf.history import START_STD, HistoryModel
from feddmf.history_training import HistoryTrainer, user_states
from feddmf.interactions import Interactions
from feddmf.members.pulling import pull_of
from feddmf.members.trainings import make_trainer
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.feddmf import PILOT
from feddmf.protocols.tables import TABLES
from feddmf.ranks import Ranks
from feddmf.starts import keyed_normal

__all__ = ["Stage"]

Codes = npt.NDArray[np.int64]


class Stage:
    """The training called `name`, PILOT or ALIGN, on `data`, which has no pair of an item that is not `seen`.

    seen: bool [items], the items that there are. In the pilot those that the party hides are not.
    ranks: the processes that train together, where there are several.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        seen: npt.NDArray[np.bool_],
        name: str,
        ranks: Ranks | None = None,
    ) -> None:
        settings = items.plan.settings
        self.name, self.data = name, data
        is_pilot = name == PILOT
        self.keys = items.pilot_matched if is_pilot else items.matched
        self.codes = items.codes(self.keys)  # [matched of this training]
        aligned = items.pilot_aligned if is_pilot else items.aligned
        self._peer_counts = items.pilot_peer_counts if is_pilot else items.peer_counts
        self._aligned = torch.from_numpy(self.codes[: len(aligned)])
        self._settings = settings
        self._ranks = ranks
        torch.set_num_threads(settings.training.threads)
        starts = torch.from_numpy(self._starts(items))
        # Copied to where torch puts its own tables, whose beginning is the same in each process.
        contexts, vectors = (each.contiguous() for each in torch.split(starts, starts.shape[1] // 2, dim=1))
        self.model = HistoryModel(contexts, vectors, data)
        self._trainer = self._make_trainer(items, seen)
        self.loss, self.cosine = 0.0, float("nan")

    def upload(self) -> Payload:
        """Return the tables' matched rows and the loss."""
        tables = {name: self.rows(name, self.codes) for name in TABLES}
        return Payload({**tables, "loss": np.array([[self.loss]], dtype=np.float32)})

    def follow(self, reply: Payload, number: int) -> None:
        """Train from exchange `number` to the next one under its reply: replaced, or pulled, by targets."""
        pulls = {}
        if self._settings.alignment.method == "tie":
            with torch.no_grad():
                for name in TABLES:
                    getattr(self.model, name)[self._aligned] = torch.from_numpy(reply[name].copy())
        else:
            pulls = {
                # Each table has the same number of pairs, and |P| counts them all.
                name: pull_of(reply, name, self._aligned, self._peer_counts, self._settings.alignment)
                for name in TABLES
            }
        self.loss = self._trainer.train(*self._trainer.span(number), pulls)
        sent = self.rows("vectors", self._aligned.numpy())
        pulled = np.flatnonzero(self._peer_counts)
        self.cosine = mean_cosine(sent[pulled], reply["vectors"][pulled])

    def finish_alone(self) -> None:
        """Take all steps without any exchange."""
        self.loss = self._trainer.train(0, self._trainer.total_steps, {})

    @cached_property
    def users(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Vectors [users, dim] of the party's users, and what their activity adds [users], after training."""
        return user_states(self.model, self.data)

    def table(self, name: str) -> npt.NDArray[np.float32]:
        """Return the whole table called `name`, [items, dim], as it is now."""
        rows: npt.NDArray[np.float32] = getattr(self.model, name).detach().numpy()
        return rows

    def rows(self, table: str, codes: Codes) -> npt.NDArray[np.float32]:
        """Return a copy of the rows of item codes in `table`, [codes, dim]."""
        return self.table(table)[codes]

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the trainer's state, the last loss and cosine."""
        return {**self._trainer.snapshot(), "figures": np.array([self.loss, self.cosine])}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._trainer.restore({name: array for name, array in snapshot.items() if name != "figures"})
        self.loss, self.cosine = snapshot["figures"].tolist()

    def _starts(self, items: PartyItems) -> npt.NDArray[np.float32]:
        """Return context and item vectors before the first step, side by side, [items, 2 dim]."""
        columns = 2 * self._settings.model.embedding_dim
        # All parties draw an item alike, so that their trainings begin aligned.
        return keyed_normal(items.view.keys, columns, START_STD, self._settings.seed).astype(np.float32)

    def _make_trainer(self, items: PartyItems, seen: npt.NDArray[np.bool_]) -> HistoryTrainer:
        return make_trainer(self.name, items, self.model, data=self.data, seen=seen, ranks=self._ranks)
