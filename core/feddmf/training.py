"""The fit loop of one party: MSE over samples (eq. 2) plus the gradient of the alignment (eq. 4, 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.errors import RunFailed
from feddmf.model import DeepMF
from feddmf.optimiser_state import load_optimiser, save_optimiser
from feddmf.randomness import counter_seed
from feddmf.runfile import TrainingSettings
from feddmf.sampling import Epoch, Samples

__all__ = ["Pull", "Trainer"]


@dataclass(frozen=True, eq=False)
class Pull:
    """What pulls item vectors towards the peers' between two exchanges.

    codes: int64 [rows], the item codes; targets: float32 [rows, dim]; single_peer: bool [rows];
    scale: beta / |P|; margin: m of eq. 4.
    """

    codes: Tensor
    targets: Tensor
    single_peer: Tensor
    scale: float
    margin: float


class Trainer:
    """Trains a DeepMF model by steps that are addressed by number, so that any of them can be redone."""

    def __init__(
        self, model: DeepMF, samples: Samples, settings: TrainingSettings, *, seed: int, party: str
    ) -> None:
        self.model = model
        self._settings = settings
        self._address = (seed, party)
        self._samples = samples
        self.optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
        self._epoch: tuple[int, Epoch] | None = None
        self.steps_per_epoch = math.ceil(self._samples.samples / settings.batch_size)

    @property
    def total_steps(self) -> int:
        """Number of optimiser steps of a whole training."""
        return self._settings.epochs * self.steps_per_epoch

    def span(self, number: int, rounds: int) -> tuple[int, int]:
        """Return first and last + 1 of the steps between exchange `number` and the next one.

        `rounds` exchanges share all steps evenly; each is followed by one step or more.
        """
        total = max(self.total_steps, rounds)
        return total * number // rounds, total * (number + 1) // rounds

    def train(self, first: int, last: int, pull: Pull | None) -> float:
        """Take the steps first..last-1; return the mean MSE over their samples.

        Raises RunFailed when the loss is no longer finite.
        """
        torch.set_num_threads(self._settings.threads)
        self.model.train()
        total, samples = torch.zeros((), dtype=torch.float64), 0
        for step in range(first, last):
            users, items, labels = self._batch(step)
            loss = self._step(step, users, items, labels, pull)
            total += loss.double() * len(labels)
            samples += len(labels)
        mean = float(total) / max(samples, 1)
        if not math.isfinite(mean):
            raise RunFailed(
                f"training diverged at {self._address[1]}: the loss is {mean} after step {last}",
                hint="lower training.learning_rate or alignment.beta in the run file",
            )
        return mean

    def snapshot(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return model and optimiser state by name; steps are addressed by number and need none."""
        return save_optimiser(self.model, self.optimizer)

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from `snapshot`, bit for bit."""
        load_optimiser(self.model, self.optimizer, snapshot)

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        number, within = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != number:
            self._epoch = (number, self._samples.epoch(number))
        epoch = self._epoch[1]
        chosen = slice(within * self._settings.batch_size, (within + 1) * self._settings.batch_size)
        parts: tuple[np.ndarray, ...] = (epoch.users[chosen], epoch.items[chosen], epoch.labels[chosen])
        users, items, labels = (torch.from_numpy(part) for part in parts)
        return users, items, labels

    def _step(self, step: int, users: Tensor, items: Tensor, labels: Tensor, pull: Pull | None) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        predicted = torch.sigmoid(self.model(users, items, self._keep(step, len(users))))
        loss = torch.nn.functional.mse_loss(predicted, labels.to(predicted.dtype))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if pull is not None:
            self._pull(pull)
        self.optimizer.step()
        return loss.detach()

    def _keep(self, step: int, samples: int) -> Tensor | None:
        """Return the inverted dropout mask of a step, [samples, hidden]; None without dropout."""
        rate = self.model.dropout
        if rate == 0:
            return None
        seed, party = self._address
        generator = torch.Generator().manual_seed(counter_seed(seed, party, "dropout", step) % 2**63)
        keep = torch.empty(samples, len(self.model.bias)).bernoulli_(1 - rate, generator=generator)
        return keep / (1 - rate)

    def _pull(self, pull: Pull) -> None:
        """Add the gradient of eq. 4 to that of eq. 2 (their sum is eq. 5)."""
        items = self.model.items
        assert items.grad is not None  # noqa: S101  (backward has just filled it)
        with torch.no_grad():
            gradient = alignment_gradient(
                items[pull.codes],
                pull.targets,
                single_peer=pull.single_peer,
                margin=pull.margin,
                scale=pull.scale,
            )
            items.grad.index_add_(0, pull.codes, gradient)
