"""A stage of FedDMF whose item side comes from a private release, and whose tower never leaves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from feddmf.alignment import mean_cosine
from feddmf.errors import ConfigError
from feddmf.history_engines.frozen import FrozenEngine
from feddmf.history_training import HistoryTrainer, user_states
from feddmf.interactions import Interactions
from feddmf.members.item_release import ItemRelease
from feddmf.members.stage import Codes, Stage
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.privacy.spectral import spectral_vectors, tower_contexts
from feddmf.procrustes import rotation_to
from feddmf.protocols.tables import TABLES
from feddmf.starts import keyed_normal

__all__ = ["PrivateStage"]

Floats = npt.NDArray[np.float32]

# Root of the mean square of the rows that all share: their scalar products are about logits.
_LENGTH = 2.0
# What an exchange leaves of the party's own: marks fade, and come back half.
_OWN_SHARE = 0.5


class PrivateStage(Stage):
    """The stage called `name`, with vectors that follow from `release` alone, turned towards the peers'.

    release: of the items that are seen. The party's users train nothing but what stays at home, and that when
    it is first asked for.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        seen: npt.NDArray[np.bool_],
        name: str,
        release: ItemRelease,
    ) -> None:
        self._release = release
        super().__init__(items, data, seen, name)
        # What the peers know: the release, turned; the model is the home's.
        self._own = {table: self.table(table).copy() for table in TABLES}
        self._told = {table: rows.copy() for table, rows in self._own.items()}

    def upload(self) -> Payload:
        """Return the tables' matched rows; of the loss, which is the users', nothing."""
        return Payload({**super().upload(), "loss": np.zeros((1, 1), dtype=np.float32)})

    def follow(self, reply: Payload, number: int) -> None:  # noqa: ARG002  (each is followed alike)
        """Turn the party's own vectors to the reply's, and go half of the way."""
        aligned = self._aligned.numpy()
        own = np.concatenate([self._own[name][aligned] for name in TABLES])
        turn = rotation_to(own, np.concatenate([reply[name] for name in TABLES])).astype(np.float32)
        for name in TABLES:
            table = self._own[name] @ turn
            table[aligned] = _OWN_SHARE * table[aligned] + (1 - _OWN_SHARE) * reply[name]
            self._told[name] = table
        pulled = np.flatnonzero(self._peer_counts)
        self.cosine = mean_cosine(self.rows("vectors", aligned)[pulled], reply["vectors"][pulled])

    @cached_property
    def users(self) -> tuple[Floats, Floats]:
        """Vectors of the party's users, and what their activity adds, from a tower trained at home."""
        with torch.no_grad():
            for name in TABLES:
                getattr(self.model, name).copy_(torch.from_numpy(self._told[name]))
        self.loss = self._trainer.train(0, self._trainer.total_steps, {})
        return user_states(self.model, self.data)

    def finish_alone(self) -> None:
        """Raise ConfigError: what is trained alone is trained on users, and would be told to peers."""
        raise ConfigError(
            f"a private run cannot train its {self.name} stage alone, to tell what came of it",
            hint='let the run be submitted with alignment.method = "tie"',
        )

    def rows(self, table: str, codes: Codes) -> Floats:
        """Return a copy of the rows of item codes in `table` as peers may know them, [codes, dim]."""
        return self._told[table][codes]

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tables as the last reply left them, and the cosine."""
        return {**self._told, "figures": np.array([self.loss, self.cosine])}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `snapshot`, bit for bit."""
        self.__dict__.pop("users", None)
        self._told = {name: np.array(snapshot[name]) for name in TABLES}
        self.loss, self.cosine = snapshot["figures"].tolist()

    def _starts(self, items: PartyItems) -> npt.NDArray[np.float32]:
        """Return context and item vectors of the release, side by side, turned to a common start.

        Parties whose vectors agree but for a rotation start alike.
        """
        release, dim = self._release, self._settings.model.embedding_dim
        vectors = spectral_vectors(release.cleaned, dim).astype(np.float64)
        tables = {"contexts": tower_contexts(vectors, release.gram.weights), "vectors": vectors}
        # An item that is a user attribute here is in no release.
        here = np.isin(self.codes, release.codes)
        shared = release.places(self.codes[here])
        draws = keyed_normal(self.keys, dim, 1.0, self._settings.seed)
        turn = rotation_to(vectors[shared], draws[here])
        starts = np.zeros((len(items.view.items), 2 * dim), dtype=np.float32)
        for place, name in enumerate(("contexts", "vectors")):
            length = np.sqrt(np.mean(np.square(tables[name][shared]).sum(axis=1)))
            columns = slice(place * dim, (place + 1) * dim)
            starts[release.codes, columns] = tables[name] @ turn * (_LENGTH / max(length, 1e-12))
        return starts

    def _make_trainer(self, items: PartyItems, seen: npt.NDArray[np.bool_]) -> HistoryTrainer:
        settings = self._settings
        listed = np.zeros_like(seen)
        listed[self._release.codes] = True
        return HistoryTrainer(
            self.model,
            self.data,
            listed,
            settings.training,
            dropout=settings.model.dropout,
            rounds=settings.rounds,
            address=(settings.seed, items.view.party, self.name),
            engine=FrozenEngine(self.model, self.data, listed),
        )
