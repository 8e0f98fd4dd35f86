"""Adam on named tensors, block by block in compiled code. Source: Kingma and Ba (2015), algorithm 1."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from torch import nn

from feddmf.engines.adam_state import AdamState
from feddmf.history_engines.base import BETAS
from feddmf.kernels.history_tables import step_adam

__all__ = ["AdamSteps"]

Floats = npt.NDArray[np.float32]


class AdamSteps:
    """Adam for the parameters of a model on the CPU, which it changes in place.

    values: the parameters by name, as arrays on the model's own memory; state: with the moments.
    """

    def __init__(self, model: nn.Module) -> None:
        self.state = AdamState(model)
        self.values: dict[str, Floats] = {name: each.numpy() for name, each in self.state.values.items()}
        parts = (self.state.values, self.state.means, self.state.squares)
        self._flat: dict[str, list[Floats]] = {
            name: [part[name].numpy().reshape(-1) for part in parts] for name in self.values
        }
        self._constants: Floats = np.zeros(4, dtype=np.float32)

    def begin(self, rate: float) -> None:
        """Begin a step at this learning rate."""
        self.state.taken += 1
        (first, second), taken = BETAS, self.state.taken
        corrected = rate / (1 - first**taken), 1 / math.sqrt(1 - second**taken)
        self._constants = np.array([first, second, *corrected], dtype=np.float32)

    def step(self, name: str, rows: slice, gradients: Floats, *, decay: float = 0.0) -> None:
        """Step the rows of one parameter along their gradients and `decay` times themselves, once a step."""
        width = gradients.size // max(len(gradients), 1)
        entries = slice(rows.start * width, rows.stop * width)
        values, means, squares = self._flat[name]
        step_adam(
            values[entries],
            gradients.reshape(-1),
            means[entries],
            squares[entries],
            decay,
            self._constants,
        )
