"""The fit of one party: MSE over samples (eq. 2) plus the alignment (eq. 4, 5), by an engine."""

from __future__ import annotations

import math

import torch

from feddmf.engine_choice import choose_engine
from feddmf.engines.base import Engine, Pull, Snapshot
from feddmf.engines.compiled import CompiledEngine
from feddmf.engines.steps import Steps
from feddmf.engines.tiny import tiny_numbers_as_zero
from feddmf.engines.torch_engine import TorchEngine
from feddmf.errors import RunFailed
from feddmf.model import DeepMF
from feddmf.runfile import TrainingSettings
from feddmf.sampling import Samples

__all__ = ["Pull", "Trainer"]


class Trainer:
    """Trains a DeepMF model by steps that are addressed by number, so that any of them can be redone."""

    def __init__(
        self,
        model: DeepMF,
        samples: Samples,
        settings: TrainingSettings,
        *,
        seed: int,
        party: str,
        steps: Steps | None = None,
    ) -> None:
        self.model = model
        self._settings = settings
        self._party = party
        self._steps = steps or Steps(samples, settings.batch_size, address=(seed, party))
        self._engine = _make_engine(model, self._steps, settings)
        self.steps_per_epoch = self._steps.per_epoch

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
        return self._mean(*self._take(first, last, pull), last)

    def _take(self, first: int, last: int, pull: Pull | None) -> tuple[float, int]:
        """Take the steps; return the sum of the squared errors, and of how many samples."""
        torch.set_num_threads(self._settings.threads)
        self.model.train()
        with tiny_numbers_as_zero():
            return self._engine.train(first, last, pull)

    def _mean(self, total: float, samples: int, last: int) -> float:
        mean = total / max(samples, 1)
        if not math.isfinite(mean):
            raise RunFailed(
                f"training diverged at {self._party}: the loss is {mean} after step {last}",
                hint="lower training.learning_rate or alignment.beta in the run file",
            )
        return mean

    def complete(self) -> None:
        """Have all users' vectors in the model, wherever they were trained."""

    def snapshot(self) -> Snapshot:
        """Return model and optimiser state by name; steps are addressed by number and need none."""
        return self._engine.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from `snapshot`, bit for bit."""
        self._engine.restore(snapshot)


def _make_engine(model: DeepMF, steps: Steps, settings: TrainingSettings) -> Engine:
    engine = choose_engine(settings.engine)
    if engine == "compiled":
        return CompiledEngine(model, steps, settings)
    return TorchEngine(model, steps, settings, "cuda" if engine == "cuda" else "cpu")
