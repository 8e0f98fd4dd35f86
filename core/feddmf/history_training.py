"""The fit loop of a history tower: cross-entropy over all cells of a batch of users, plus the alignment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from feddmf.engines.base import Pull
from feddmf.errors import RunFailed
from feddmf.history import HistoryModel
from feddmf.history_engines.base import HistoryEngine, Step
from feddmf.history_engines.choosing import history_engine
from feddmf.history_engines.histories import histories
from feddmf.interactions import Interactions
from feddmf.randomness import counter_seed, generator
from feddmf.runfile import TrainingSettings

__all__ = ["HistoryTrainer", "user_states"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# The learning rate falls linearly to this share of where it starts.
_LAST_RATE = 0.05
# Pairs of users whose vectors are made at once, and users.
_PAIRS, _USERS = 1 << 20, 1 << 14


class HistoryTrainer:
    """Trains a `HistoryModel` by steps that are addressed by number, so that any of them can be redone.

    seen: bool [items], the items that there are for this training; `data` must have no pair of another one.
    `rounds` exchanges share all steps evenly. engine: computes the steps, by default what `settings` ask for.
    """

    def __init__(
        self,
        model: HistoryModel,
        data: Interactions,
        seen: npt.NDArray[np.bool_],
        settings: TrainingSettings,
        *,
        dropout: float,
        rounds: int,
        address: tuple[int, str, *tuple[str, ...]],
        engine: HistoryEngine | None = None,
    ) -> None:
        self.model = model
        self._data = data
        self._counts = data.user_counts()
        self._items = int(np.count_nonzero(seen))
        self._settings = settings
        self._dropout = dropout
        self._rounds = rounds
        self._address = address
        self._engine = history_engine(model, data, seen, settings) if engine is None else engine
        self._order: tuple[int, Codes] | None = None
        self.steps_per_epoch = math.ceil(data.users / settings.batch_size)
        steps = min(settings.epochs * self.steps_per_epoch, settings.max_steps)
        self.total_steps = max(steps, rounds)

    def span(self, number: int) -> tuple[int, int]:
        """Return first and last + 1 of the steps between exchange `number` and the next one."""
        return (
            self.total_steps * number // self._rounds,
            self.total_steps * (number + 1) // self._rounds,
        )

    def train(self, first: int, last: int, pulls: Mapping[str, Pull]) -> float:
        """Take the steps first..last-1; return the mean loss of a cell.

        pulls: what pulls the rows of which table, "contexts" or "vectors". Raises RunFailed when the loss is
        no longer finite.
        """
        total = self._engine.run(map(self._step, range(first, last)), pulls)
        return self._mean(total, self._users(first, last), last)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return model and optimiser state by name; steps are addressed by number and need none."""
        return self._engine.snapshot()

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from `snapshot`, bit for bit."""
        self._engine.restore(snapshot)

    def _mean(self, total: float, users: int, last: int) -> float:
        """Return the loss of a cell, of which `users` have some each, after the steps up to `last`."""
        mean = total / max(users * self._items, 1)
        if not math.isfinite(mean):
            raise RunFailed(
                f"training diverged at {self._address[1]}: the loss is {mean} after step {last}",
                hint="lower training.learning_rate or alignment.beta in the run file",
            )
        return mean

    def _step(self, number: int) -> Step:
        """Return what step `number` takes."""
        fraction = number / self.total_steps
        rate = self._settings.learning_rate * (1 - (1 - _LAST_RATE) * fraction)
        users = self._batch(number)
        return Step(users, rate, self._keep(number, int(self._counts[users].sum())))

    def _batch(self, step: int) -> Codes:
        """Return the user codes of a step."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            draws = generator(*self._address, "users", epoch)
            self._order = (epoch, draws.permutation(self._data.users))
        return self._order[1][slice(*self._bounds(within))]

    def _bounds(self, within: int) -> tuple[int, int]:
        """Return the places of a step's users in the epoch's order."""
        size = self._settings.batch_size
        return within * size, min((within + 1) * size, self._data.users)

    def _users(self, first: int, last: int) -> int:
        """Return how many users the steps first..last-1 take in all."""
        bounds = [self._bounds(step % self.steps_per_epoch) for step in range(first, last)]
        return sum(end - start for start, end in bounds)

    def _keep(self, step: int, pairs: int) -> Floats | None:
        """Return the inverted dropout mask over the histories' items, [pairs]; None without dropout."""
        if not self._dropout:
            return None
        source = torch.Generator().manual_seed(counter_seed(*self._address, "dropout", step) % 2**63)
        keep = torch.empty(pairs).bernoulli_(1 - self._dropout, generator=source)
        return (keep / (1 - self._dropout)).numpy()


@torch.no_grad()
def user_states(model: HistoryModel, data: Interactions) -> tuple[Floats, Floats]:
    """Return the vectors [users, dim] of the users of `data`, and what their activity adds, [users].

    Users are taken block by block, so that no more than a few MiB of histories stand in memory at once.
    """
    counts = data.user_counts().astype(np.float32)
    vectors = np.empty((data.users, model.vectors.shape[1]), dtype=np.float32)
    for begin, end in data.blocks(_PAIRS):
        for first in range(begin, end, _USERS):
            block = slice(first, min(first + _USERS, end))
            history = histories(data, np.arange(block.start, block.stop))
            items, starts = torch.from_numpy(history.items), torch.from_numpy(history.starts[:-1])
            vectors[block] = model.users(items, starts, torch.from_numpy(counts[block])).numpy()
    return vectors, model.shifts(torch.from_numpy(counts)).numpy()
