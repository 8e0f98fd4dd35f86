"""Steps by torch and its autograd: the reference on the CPU, and the engine of a CUDA device."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.alignment import alignment_gradient
from feddmf.engines.adam_state import AdamState
from feddmf.engines.base import Among, Pull, Snapshot, all_names
from feddmf.engines.dropout import dropout_mask_on
from feddmf.engines.steps import Steps
from feddmf.kernels.adam import BETAS, EPS
from feddmf.kernels.sampling import Batch
from feddmf.model import DeepMF
from feddmf.runfile import TrainingSettings

__all__ = ["TorchEngine"]

_TABLES = ("tower.vectors", "items")


class TorchEngine:
    """Trains on `device`: the model itself on the CPU; elsewhere a copy, from and to which `train` copies."""

    def __init__(self, model: DeepMF, steps: Steps, settings: TrainingSettings, device: str = "cpu") -> None:
        self._home = model
        self._device = torch.device(device)
        self._model = model if device == "cpu" else copy.deepcopy(model).to(self._device)
        self._steps = steps
        self._rate = settings.learning_rate
        self._lazy = settings.optimizer == "lazy_adam"
        self._state = AdamState(self._model)
        whole = {n: p for n, p in self._model.named_parameters() if not (self._lazy and n in _TABLES)}
        self._optimizer = torch.optim.Adam(whole.values(), lr=self._rate, betas=BETAS, eps=EPS, fused=True)
        self._counters = [torch.zeros((), device=self._device) for _ in whole]
        for (name, parameter), counter in zip(whole.items(), self._counters, strict=True):
            self._optimizer.state[parameter] = {
                "step": counter,
                "exp_avg": self._state.means[name],
                "exp_avg_sq": self._state.squares[name],
            }

    def train(self, first: int, last: int, pull: Pull | None) -> tuple[float, int]:
        """Take the steps first..last-1; return the sum of the squared errors, and of how many samples."""
        _copy(self._home, self._model)
        for counter in self._counters:
            counter.fill_(self._state.taken)
        pulled = None if pull is None or not len(pull.codes) else _Pulled(pull, self._model)
        total, samples = torch.zeros((), dtype=torch.float64, device=self._device), 0
        for step in range(first, last):
            batch = self._steps.batch(step)
            self._state.taken += 1
            take = self._lazy_step if self._lazy else self._whole_step
            loss = take(step, batch, pulled)
            total += loss.double() * len(batch.labels)
            samples += len(batch.labels)
        _copy(self._model, self._home)
        return float(total), samples

    def snapshot(self, among: Among = all_names) -> dict[str, npt.NDArray[np.generic]]:
        """Return copies of the parameters `among` them, and of the optimiser's state, by name."""
        _copy(self._home, self._model)
        return self._state.snapshot(among)

    def restore(self, snapshot: Snapshot, among: Among = all_names) -> None:
        """Go on from `snapshot`, bit for bit, with the parameters `among` them; others stay as they are."""
        self._state.restore(snapshot, among)
        _copy(self._model, self._home)

    def _whole_step(self, step: int, batch: Batch, pulled: _Pulled | None) -> Tensor:
        """Step on all parameters."""
        model = self._model
        self._optimizer.zero_grad(set_to_none=True)
        logits = model(self._here(batch.users), self._here(batch.items), self._keep(step, len(batch.labels)))
        loss = self._backward(logits, batch.labels)
        if pulled is not None:
            table = model.items
            assert table.grad is not None  # noqa: S101  (backward has just filled it)
            codes = pulled.pull.codes
            table.grad.index_add_(0, codes, pulled.gradient(table.detach()[codes], codes))
        self._optimizer.step()
        return loss

    def _lazy_step(self, step: int, batch: Batch, pulled: _Pulled | None) -> Tensor:
        """Step on the layers and on those rows of the tables that the samples touch."""
        model = self._model
        self._optimizer.zero_grad(set_to_none=True)
        # Which rows those are is found before the device is asked for anything, so that nothing waits for it.
        user_rows, user_places = (self._here(part) for part in np.unique(batch.users, return_inverse=True))
        item_rows, item_places = (self._here(part) for part in np.unique(batch.items, return_inverse=True))
        user_vectors = self._state.values["tower.vectors"][user_rows].requires_grad_()
        item_vectors = self._state.values["items"][item_rows].requires_grad_()
        logits = model.logits(
            model.project_users(user_vectors)[user_places],
            model.project_items(item_vectors)[item_places],
            self._keep(step, len(batch.labels)),
        )
        loss = self._backward(logits, batch.labels)
        assert user_vectors.grad is not None  # noqa: S101  (backward has just filled both)
        assert item_vectors.grad is not None  # noqa: S101
        if pulled is not None:
            item_vectors.grad += pulled.gradient(item_vectors.detach(), item_rows)
        self._optimizer.step()
        self._step_rows("tower.vectors", user_rows, user_vectors.grad)
        self._step_rows("items", item_rows, item_vectors.grad)
        return loss

    def _backward(self, logits: Tensor, labels: npt.NDArray[np.float32]) -> Tensor:
        loss = torch.nn.functional.mse_loss(torch.sigmoid(logits), self._here(labels))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss.detach()

    def _step_rows(self, name: str, rows: Tensor, gradient: Tensor) -> None:
        """Take a step of Adam on `rows` of a table, by their gradient [rows, dim]."""
        state, (first, second) = self._state, BETAS
        mean = state.means[name][rows].lerp_(gradient, 1 - first)
        square = state.squares[name][rows].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        state.means[name][rows], state.squares[name][rows] = mean, square
        root = square.sqrt().div_((1 - second**state.taken) ** 0.5).add_(EPS)
        size = self._rate / (1 - first**state.taken)
        state.values[name].index_add_(0, rows, mean / root, alpha=-size)

    def _keep(self, step: int, samples: int) -> Tensor | None:
        rate, hidden = self._model.dropout, len(self._model.bias)
        if self._device.type != "cpu" and rate:
            return dropout_mask_on(self._device, self._steps.key, step, samples, hidden=hidden, rate=rate)
        mask = self._steps.mask(step, samples, hidden=hidden, rate=rate)
        return None if mask is None else torch.from_numpy(mask)

    def _here(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


class _Pulled:
    """A pull on the device of `model`; `pull` is the same there."""

    def __init__(self, pull: Pull, model: DeepMF) -> None:
        device = model.items.device
        self.pull = Pull(
            pull.codes.to(device),
            pull.targets.to(device),
            pull.single_peer.to(device),
            pull.scale,
            pull.margin,
        )
        self._places = self.pull.places(len(model.items))

    def gradient(self, vectors: Tensor, items: Tensor) -> Tensor:
        """Return what pulls the vectors [rows, dim] of the codes `items` [rows], zeros where nothing does."""
        places = self._places[items]
        at = places.clamp(min=0)
        gradient: Tensor = alignment_gradient(
            vectors,
            self.pull.targets[at],
            single_peer=self.pull.single_peer[at],
            margin=self.pull.margin,
            scale=self.pull.scale,
        )
        return gradient * (places >= 0)[:, None]


@torch.no_grad()
def _copy(source: DeepMF, target: DeepMF) -> None:
    """Write the parameters of one model into another, if it is another."""
    if source is not target:
        for theirs, ours in zip(source.parameters(), target.parameters(), strict=True):
            ours.copy_(theirs)
