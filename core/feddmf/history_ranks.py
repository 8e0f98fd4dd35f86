"""The fit loop of a history tower by several processes, each with users of its own.

Each rank takes steps on its own users, and every so many steps all take the average of their parameters; each
keeps the moments of Adam that its own steps have made. Source: Stich, "Local SGD converges fast and
communicates little" (2019), with Adam; its rate grows with the root of the number of ranks, as for batches
that are as many times larger (Malladi et al., "On the SDEs and scaling rules for adaptive gradient
algorithms", 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.engines.base import Pull
from feddmf.errors import ConfigError
from feddmf.history import HistoryModel
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.rank_spans import SharedPulls, SharedState, take_span
from feddmf.ranks import Ranks, Stopped
from feddmf.runfile import TrainingSettings

__all__ = ["RankedTrainer"]


class RankedTrainer(HistoryTrainer):
    """One rank's part in a training, of which rank 0 has the model that counts between two spans of steps.

    data: this rank's users alone, of `users` in all. A step of all ranks takes as many users as so many steps
    of one process, so that there are so many times fewer of them, each of a larger rate. Ranks differ by one
    user at most, so that all have users for each step.

    Raises ConfigError where there are fewer users than ranks.
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
        address: tuple[int, str, str],
        ranks: Ranks,
        users: int,
    ) -> None:
        if users < ranks.size:
            raise ConfigError(
                f"{address[1]} has {users} users for {ranks.size} processes",
                hint="start fewer processes: torchrun --nproc-per-node",
            )
        own = (*address, f"rank {ranks.rank} of {ranks.size}")
        rate = settings.learning_rate * math.sqrt(ranks.size)
        faster = settings.model_copy(update={"learning_rate": rate})
        super().__init__(model, data, seen, faster, dropout=dropout, rounds=rounds, address=own)
        # Arrays on the model's own memory, which engines read anew.
        parameters = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
        self._shared = SharedState(ranks, parameters, read=super().snapshot, write=super().restore)
        self._ranks, self._name = ranks, address[2]
        self.steps_per_epoch = math.ceil(users // ranks.size / settings.batch_size)
        most = math.ceil(settings.max_steps / ranks.size)
        self.total_steps = max(min(settings.epochs * self.steps_per_epoch, most), rounds)

    def train(self, first: int, last: int, pulls: Mapping[str, Pull]) -> float:
        """Take the steps first..last-1 with all others; return the mean loss of a cell."""
        shared = SharedPulls(pulls)

        def lead(stopped: Stopped) -> tuple[float, int]:
            span = {"first": first, "last": last, "every": self._ranks.every}
            told = {"do": "train", "training": self._name, **span, "state": self._shared.begin()}
            self._ranks.tell({**told, "pulls": shared.describe()})
            return self._take_part(told, shared, stopped)

        total, users = self._ranks.together(lead)
        self._shared.end()
        return self._mean(total, users, last)

    def follow(self, told: Mapping[str, Any]) -> None:
        """Do what rank 0 has told of. Raises Abandoned where it does not go on with its steps."""
        if told["do"] == "gather":
            self._shared.gathered()
            return
        shared = SharedPulls.told(told["pulls"], width=self.model.vectors.shape[1])
        self._take_part(told, shared, lambda: False)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return, at rank 0, model and optimiser state by name, the other ranks' moments with it."""

        def lead(_: Stopped) -> Mapping[str, npt.NDArray[Any]]:
            self._ranks.tell({"do": "gather", "training": self._name})
            return self._shared.gathered()

        return self._shared.snapshot(lambda: self._ranks.together(lead))

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from `snapshot`, bit for bit; the other ranks do once they are told of the next steps."""
        self._shared.restore(snapshot)

    def _take_part(self, told: Mapping[str, Any], pulls: SharedPulls, stopped: Stopped) -> tuple[float, int]:
        """Take steps from where rank 0 is; return the sum of all ranks' losses, and of how many users."""
        self._shared.take_over(told["state"])
        pulls.share(self._ranks)

        def take(start: int, end: int) -> tuple[float, int]:
            return self._engine.run(map(self._step, range(start, end)), pulls.pulls), self._users(start, end)

        span = told["first"], told["last"], told["every"]
        found = take_span(self._ranks, span, take, self._shared.parameters, stopped)
        self._ranks.total([found])
        return float(found[0]), int(found[1])

    def _bounds(self, within: int) -> tuple[int, int]:
        """Return the places of a step's users in the epoch's order; all steps have about as many."""
        users, steps = self._data.users, self.steps_per_epoch
        return users * within // steps, users * (within + 1) // steps
