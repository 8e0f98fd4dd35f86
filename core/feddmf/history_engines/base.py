"""What an engine of a history tower is asked to do, and what all of them hold to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feddmf.engines.base import Pull

__all__ = ["BETAS", "DECAY", "LOSS_SCALE", "HistoryEngine", "Step"]

BETAS = (0.9, 0.99)
"""Of Adam."""

DECAY = 1e-4
"""Weight of the squared context and item vectors."""

LOSS_SCALE = 100.0
"""The loss of a user is the sum over its cells, divided by this."""


@dataclass(frozen=True, eq=False)
class Step:
    """What one step takes.

    users: int64 [batch], their codes; rate: the learning rate; keep: float32 [pairs], what each pair of their
    histories counts for, user by user; None where all count 1.
    """

    users: npt.NDArray[np.int64]
    rate: float
    keep: npt.NDArray[np.float32] | None


class HistoryEngine(Protocol):
    """Trains one model on one table. Between two calls the model's parameters, on the CPU, are its state."""

    def run(self, steps: Iterable[Step], pulls: Mapping[str, Pull]) -> float:
        """Take the steps; return the sum of their losses over all cells of items that there are.

        pulls: what pulls the rows of which table, "contexts" or "vectors". Parameters may be changed between
        two calls, and are read anew.
        """
        ...

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return parameters and the optimiser's state by name, the same names for every engine."""
        ...

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `snapshot`: bit for bit, where it is of the same engine and number of threads."""
        ...
