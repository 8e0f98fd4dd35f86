"""Fitting a network with Adam on the samples of one place, every draw addressed by counters; torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from feddmf.errors import RunFailed
from feddmf.model import normal
from feddmf.randomness import counter_seed, generator

__all__ = ["Dropout", "Fitting", "Learner", "Loss", "Net", "as_is", "linear_start", "table_start"]

Arrays = Mapping[str, npt.NDArray[np.float32]]
Dropout = Callable[[Tensor], Tensor]
# The mean loss of the samples at the given places, [batch]; Dropout and generator are of this step.
Loss = Callable[[Tensor, Dropout, torch.Generator], Tensor]


@dataclass(frozen=True)
class Fitting:
    """How a network is fitted by Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    epochs: passes over the samples in one call of `train`; dropout: after each hidden layer; threads: of
    torch, one for bits that repeat.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    threads: int = 1


class Net(nn.Module):
    """A network; `private` names the parameters that stay where its users are."""

    private: ClassVar[frozenset[str]] = frozenset()

    def shared(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return copies of the parameters that are not private, by name."""
        return {
            name: parameter.detach().numpy().copy()
            for name, parameter in self.named_parameters()
            if name not in self.private
        }

    def take(self, shared: Arrays) -> None:
        """Replace the parameters that are not private by `shared`."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name not in self.private:
                    parameter.copy_(torch.from_numpy(shared[name]))


class Learner:
    """A network at one place, with the samples of that place."""

    def __init__(
        self, net: Net, samples: int, loss: Loss, fitting: Fitting, *, seed: int, place: str = "everybody"
    ) -> None:
        self.net = net
        self.samples = samples
        self._loss = loss
        self._fitting = fitting
        self._address = (seed, "ratings", place)
        self._round = 0

    def update(self, shared: Arrays) -> Arrays:
        """Take the `shared` parameters, train on the samples here, return what they have become."""
        self.net.take(shared)
        self.train()
        return self.net.shared()

    def train(self) -> None:
        """Fit for the epochs set, from fresh Adam moments; without samples nothing changes.

        Raises RunFailed when the loss is no longer finite.
        """
        if not self.samples:
            return
        torch.set_num_threads(self._fitting.threads)
        parameters = [parameter for parameter in self.net.parameters() if parameter.numel()]
        settings = self._fitting
        adam = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        for epoch in range(settings.epochs):
            address = (*self._address, self._round, epoch)
            order = torch.from_numpy(generator(*address, "order").permutation(self.samples))
            draws = torch.Generator().manual_seed(counter_seed(*address, "draws") % 2**63)
            for start in range(0, self.samples, settings.batch_size):
                batch = order[start : start + settings.batch_size]
                adam.zero_grad(set_to_none=True)
                loss = self._loss(batch, _dropout(settings.dropout, draws), draws)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                adam.step()
            if not math.isfinite(float(loss.detach())):
                raise RunFailed(
                    f"training diverged: the loss is {float(loss.detach())} after epoch {epoch + 1}",
                    hint="lower the learning rate",
                )
        self._round += 1


def as_is(values: Tensor) -> Tensor:
    """Drop nothing: what stands for dropout once training is over."""
    return values


def table_start(shape: tuple[int, int], std: float, seed: int, *address: str) -> nn.Parameter:
    """Return vectors drawn from N(0, std)."""
    return nn.Parameter(normal(shape, std, seed, "ratings", "start", *address))


def linear_start(shape: tuple[int, int], seed: int, *address: str, fan_in: int | None = None) -> nn.Parameter:
    """Return the weights [out, in] of a layer, drawn from N(0, 2 / fan_in) as He et al. (2015) propose.

    fan_in: the layer's whole number of inputs, where `shape` is a part of it.
    """
    inputs = shape[1] if fan_in is None else fan_in
    return nn.Parameter(normal(shape, (2 / max(inputs, 1)) ** 0.5, seed, "ratings", "start", *address))


def _dropout(rate: float, draws: torch.Generator) -> Dropout:
    """Return inverted dropout with the draws of a generator."""
    if rate == 0:
        return as_is

    def drop(values: Tensor) -> Tensor:
        kept = torch.empty_like(values).bernoulli_(1 - rate, generator=draws)
        return values * kept / (1 - rate)

    return drop
