"""Steps of a history tower by torch: the reference on the CPU, and the engine of a CUDA device."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.engines.adam_state import AdamState
from feddmf.engines.base import Pull
from feddmf.history import HistoryModel, cell_loss
from feddmf.history_engines.base import BETAS, DECAY, LOSS_SCALE, Step
from feddmf.history_engines.histories import DeviceTable, histories
from feddmf.interactions import Interactions

__all__ = ["TorchEngine"]


class TorchEngine:
    """Trains on `device`; on another one than the CPU a copy of the model, handed back after each run.

    seen: bool [items], the items that there are.
    """

    def __init__(
        self,
        model: HistoryModel,
        data: Interactions,
        seen: npt.NDArray[np.bool_],
        *,
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        self._model, self._data, self._threads = model, data, threads
        self._device = torch.device(device)
        self._is_away = device != "cpu"
        self.tower: HistoryModel = copy.deepcopy(model).to(self._device) if self._is_away else model
        self._table = DeviceTable(data, self._device) if self._is_away else None
        self._seen = torch.from_numpy(seen).to(self._device, torch.float32)
        self._state = AdamState(self.tower)
        self.optimizer = torch.optim.Adam(self.tower.parameters(), betas=BETAS, fused=True)
        self._counters: list[Tensor] = []
        for name, parameter in self.tower.named_parameters():
            self._counters.append(torch.zeros((), device=self._device))
            self.optimizer.state[parameter] = {
                "step": self._counters[-1],
                "exp_avg": self._state.means[name],
                "exp_avg_sq": self._state.squares[name],
            }

    def run(self, steps: Iterable[Step], pulls: Mapping[str, Pull]) -> float:
        """Take the steps; return the sum of their losses. See `HistoryEngine`."""
        torch.set_num_threads(self._threads)
        self._fetch()
        for counter in self._counters:
            counter.fill_(self._state.taken)
        here = {name: self._pull(pull) for name, pull in pulls.items()}
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        for step in steps:
            total += self._step(step, here).double()
            self._state.taken += 1
        self._hand_back()
        return float(total)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return parameters and the optimiser's state by name."""
        self._fetch()
        return self._state.snapshot()

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._state.restore(snapshot)
        self._hand_back()

    def loss(self, users: npt.NDArray[np.int64], keep: Tensor | None) -> Tensor:
        """Return the summed loss over the cells of the user codes `users`; keep: float [pairs]."""
        model = self.tower
        rows, items, starts = self._histories(users)
        lengths = self._data.indptr[users + 1] - self._data.indptr[users]
        counts = torch.from_numpy(lengths).to(self._device, torch.float32)
        return cell_loss(
            model.users(items, starts, counts, keep),
            model.vectors,
            model.bias,
            model.shifts(counts),
            seen=self._seen,
            at=rows * self._data.items + items,
        )

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _step(self, step: Step, pulls: Mapping[str, Pull]) -> Tensor:
        self.set_rate(step.rate)
        keep = None if step.keep is None else torch.from_numpy(step.keep).to(self._device)
        loss = self.loss(step.users, keep)
        self.optimizer.zero_grad(set_to_none=True)
        (loss / len(step.users) / LOSS_SCALE).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for name in ("contexts", "vectors"):
            _shrink_and_pull(getattr(self.tower, name), pulls.get(name))
        self.optimizer.step()
        return loss.detach()

    def _histories(self, users: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows and items of pairs, [pairs] each, and where each user's begin."""
        if self._table is not None:
            return self._table.histories(users)
        history = histories(self._data, users)
        rows = np.repeat(np.arange(len(users)), history.lengths)
        return torch.from_numpy(rows), torch.from_numpy(history.items), torch.from_numpy(history.starts[:-1])

    def _fetch(self) -> None:
        if self._is_away:
            self.tower.load_state_dict(self._model.state_dict())

    def _hand_back(self) -> None:
        if self._is_away:
            self._model.load_state_dict(self.tower.state_dict())

    def _pull(self, pull: Pull) -> Pull:
        """Return `pull` on the device."""
        codes, targets, single = (
            each.to(self._device) for each in (pull.codes, pull.targets, pull.single_peer)
        )
        return Pull(codes, targets, single, pull.scale, pull.margin)


@torch.no_grad()
def _shrink_and_pull(table: Tensor, pull: Pull | None) -> None:
    """Add to a table's gradient those of its squared length and of eq. 4."""
    assert table.grad is not None  # noqa: S101  (backward has just filled it)
    table.grad.add_(table, alpha=2 * DECAY)
    if pull is not None:
        gradient = alignment_gradient(
            table[pull.codes],
            pull.targets,
            single_peer=pull.single_peer,
            margin=pull.margin,
            scale=pull.scale,
        )
        table.grad.index_add_(0, pull.codes, gradient)
