"""The fit loop of a history tower: cross-entropy over all cells of a batch of users, plus the alignment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.errors import RunFailed
from feddmf.history import HistoryModel, cell_loss
from feddmf.interactions import Interactions
from feddmf.optimiser_state import load_optimiser, save_optimiser
from feddmf.randomness import counter_seed, generator
from feddmf.runfile import TrainingSettings
from feddmf.training import Pull

__all__ = ["HistoryTrainer", "user_states"]

Codes = npt.NDArray[np.int64]

_BETAS = (0.9, 0.99)
# The learning rate falls linearly to this share of where it starts.
_LAST_RATE = 0.05
# Weight of the squared context and item vectors.
_DECAY = 1e-4
# The loss of a user is the sum over its cells, divided by this.
_LOSS_SCALE = 100.0


class HistoryTrainer:
    """Trains a `HistoryModel` by steps that are addressed by number, so that any of them can be redone.

    seen: bool [items], the items that there are for this training; `data` must have no pair of another one.
    `rounds` exchanges share all steps evenly.
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
    ) -> None:
        self.model = model
        self._data = data
        self._counts = torch.from_numpy(data.user_counts()).to(torch.float32)
        self._seen = torch.from_numpy(seen).to(torch.float32)
        self._settings = settings
        self._dropout = dropout
        self._rounds = rounds
        self._address = address
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=settings.learning_rate, betas=_BETAS, fused=True
        )
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
        torch.set_num_threads(self._settings.threads)
        total, users = torch.zeros((), dtype=torch.float64), 0
        for step in range(first, last):
            chosen = self._batch(step)
            total += self._step(step, chosen, pulls).double()
            users += len(chosen)
        mean = float(total) / max(users * int(self._seen.sum()), 1)
        if not math.isfinite(mean):
            raise RunFailed(
                f"training diverged at {self._address[1]}: the loss is {mean} after step {last}",
                hint="lower training.learning_rate or alignment.beta in the run file",
            )
        return mean

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return model and optimiser state by name; steps are addressed by number and need none."""
        return save_optimiser(self.model, self.optimizer)

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from `snapshot`, bit for bit."""
        load_optimiser(self.model, self.optimizer, snapshot)

    def _batch(self, step: int) -> Codes:
        """Return the user codes of a step."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if self._order is None or self._order[0] != epoch:
            draws = generator(*self._address, "users", epoch)
            self._order = (epoch, draws.permutation(self._data.users))
        size = self._settings.batch_size
        return self._order[1][within * size : (within + 1) * size]

    def _step(self, step: int, users: Codes, pulls: Mapping[str, Pull]) -> Tensor:
        fraction = step / self.total_steps
        for group in self.optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * (1 - (1 - _LAST_RATE) * fraction)
        rows, items, offsets = _histories(self._data, users)
        model, counts = self.model, self._counts[torch.from_numpy(users)]
        loss = cell_loss(
            model.users(items, offsets, counts, self._keep(step, len(items))),
            model.vectors,
            model.bias,
            model.shifts(counts),
            seen=self._seen,
            at=rows * self._data.items + items,
        )
        self.optimizer.zero_grad(set_to_none=True)
        (loss / len(users) / _LOSS_SCALE).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for name in ("contexts", "vectors"):
            self._shrink_and_pull(getattr(model, name), pulls.get(name))
        self.optimizer.step()
        return loss.detach()

    def _keep(self, step: int, pairs: int) -> Tensor | None:
        """Return the inverted dropout mask over the histories' items, [pairs]; None without dropout."""
        if not self._dropout:
            return None
        source = torch.Generator().manual_seed(counter_seed(*self._address, "dropout", step) % 2**63)
        keep = torch.empty(pairs).bernoulli_(1 - self._dropout, generator=source)
        return keep / (1 - self._dropout)

    def _shrink_and_pull(self, table: Tensor, pull: Pull | None) -> None:
        """Add to a table's gradient those of its squared length and of eq. 4."""
        assert table.grad is not None  # noqa: S101  (backward has just filled it)
        with torch.no_grad():
            table.grad.add_(table, alpha=2 * _DECAY)
            if pull is not None:
                gradient = alignment_gradient(
                    table[pull.codes],
                    pull.targets,
                    single_peer=pull.single_peer,
                    margin=pull.margin,
                    scale=pull.scale,
                )
                table.grad.index_add_(0, pull.codes, gradient)


@torch.no_grad()
def user_states(
    model: HistoryModel, data: Interactions
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the vectors [users, dim] of the users of `data`, and what their activity adds, [users]."""
    counts = torch.from_numpy(data.user_counts()).to(torch.float32)
    _, items, offsets = _histories(data, np.arange(data.users))
    return model.users(items, offsets, counts).numpy(), model.shifts(counts).numpy()


def _histories(data: Interactions, users: Codes) -> tuple[Tensor, Tensor, Tensor]:
    """Return for the pairs of `users` their row among these and item, [pairs], and the rows' starts."""
    lengths = data.user_counts()[users]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    rows = np.repeat(np.arange(len(users)), lengths)
    places = np.arange(int(ends[-1]) if len(ends) else 0) - starts[rows] + data.indptr[users][rows]
    items = data.indices[places].astype(np.int64)
    return torch.from_numpy(rows), torch.from_numpy(items), torch.from_numpy(starts)
