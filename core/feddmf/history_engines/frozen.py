"""Steps of a history tower whose vectors are given: only what stays at home is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.engines.base import Pull
from feddmf.history import HistoryModel, cell_loss
from feddmf.history_engines.base import BETAS, LOSS_SCALE, Step
from feddmf.history_engines.histories import histories
from feddmf.interactions import Interactions

__all__ = ["FrozenEngine"]


class FrozenEngine:
    """Trains constant, biases and activity of `model`, and one factor of all its context vectors.

    seen: bool [items], the items whose cells count.
    """

    def __init__(self, model: HistoryModel, data: Interactions, seen: npt.NDArray[np.bool_]) -> None:
        self._model, self._data = model, data
        self._seen = torch.from_numpy(seen).to(torch.float32)
        self._log_factor = torch.nn.Parameter(torch.zeros(()))
        trained = [self._log_factor, model.constant, model.bias, model.activity]
        self._optimizer = torch.optim.Adam(trained, betas=BETAS)

    def run(self, steps: Iterable[Step], pulls: Mapping[str, Pull]) -> float:  # noqa: ARG002  (frozen)
        """Take the steps; return the sum of their losses. See `HistoryEngine`."""
        total = sum((self._step(step) for step in steps), 0.0)
        with torch.no_grad():
            # The model is all that stays: the factor goes into its vectors.
            self._model.contexts.mul_(self._log_factor.exp())
            self._log_factor.zero_()
        return total

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return the parameters by name; the tower is trained in one run, and has no state between two."""
        return {name: tensor.numpy().copy() for name, tensor in self._model.arrays().items()}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the parameters of `snapshot`."""
        self._model.load_state_dict({name: torch.from_numpy(each.copy()) for name, each in snapshot.items()})

    def _step(self, step: Step) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = step.rate
        loss = self._loss(step)
        self._optimizer.zero_grad(set_to_none=True)
        (loss / len(step.users) / LOSS_SCALE).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()
        return float(loss.detach())

    def _loss(self, step: Step) -> Tensor:
        model, history = self._model, histories(self._data, step.users)
        rows = torch.from_numpy(np.repeat(np.arange(len(step.users)), history.lengths))
        items, starts = torch.from_numpy(history.items), torch.from_numpy(history.starts[:-1])
        counts = torch.from_numpy(history.lengths).to(torch.float32)
        keep = torch.ones(len(items)) if step.keep is None else torch.from_numpy(step.keep)
        counted = torch.nonzero(self._seen[items]).squeeze(1)
        return cell_loss(
            model.users(items, starts, counts, keep * self._log_factor.exp()),
            model.vectors,
            model.bias,
            model.shifts(counts),
            seen=self._seen,
            at=(rows * self._data.items + items)[counted],
        )
