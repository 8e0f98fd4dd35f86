"""Federated averaging, every client in every round.

B. McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017,
algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Client", "federate", "weighted_mean"]

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]


class Client(Protocol):
    """Somebody who trains on `samples` of its own."""

    samples: int

    def update(self, shared: Arrays) -> Arrays:
        """Return what `shared` becomes by training here."""
        ...


def weighted_mean(models: Sequence[Arrays], weights: Sequence[float]) -> dict[str, Array]:
    """Return for each name the mean of the models' arrays, weighted, summed in float64.

    Raises ValueError without a model, where names or shapes differ, where there is not one weight a model,
    and where a weight is negative or all are 0.
    """
    if not models or len(models) != len(weights):
        raise ValueError(f"{len(models)} models and {len(weights)} weights")
    if min(weights) < 0 or not sum(weights) > 0:
        raise ValueError(f"weights {list(weights)} must not be negative, nor all 0")
    if any(model.keys() != models[0].keys() for model in models):
        raise ValueError("the models have different names")
    shares = np.asarray(weights, dtype=np.float64) / sum(weights)
    mean = {}
    for name, first in models[0].items():
        arrays = [model[name] for model in models]
        if any(array.shape != first.shape for array in arrays):
            raise ValueError(f"{name} has different shapes")
        total = np.zeros(first.shape, dtype=np.float64)
        for share, array in zip(shares, arrays, strict=True):
            total += share * array
        mean[name] = total.astype(first.dtype)
    return mean


def federate(clients: Sequence[Client], start: Arrays, *, rounds: int) -> Arrays:
    """Return the shared arrays after `rounds` rounds; each client weighs as many samples as it has."""
    shared = start
    weights = [float(client.samples) for client in clients]
    for _ in range(rounds):
        shared = weighted_mean([client.update(shared) for client in clients], weights)
    return shared
