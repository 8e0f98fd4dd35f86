"""The state of Adam over a model: two moments a parameter, and the steps taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["AdamState"]


class AdamState:
    """Moments of the parameters of `model`, beside these on its device, and how a snapshot holds both.

    means, squares: by parameter name, of its shape; taken: steps taken so far.
    """

    def __init__(self, model: nn.Module) -> None:
        self.values = {name: tensor.detach() for name, tensor in model.named_parameters()}
        self.means = {name: torch.zeros_like(tensor) for name, tensor in self.values.items()}
        self.squares = {name: torch.zeros_like(tensor) for name, tensor in self.values.items()}
        self.taken = 0

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of parameters by name and moments as `adam.NAME.FIELD`."""
        copies = {name: tensor.cpu().numpy().copy() for name, tensor in self._tensors().items()}
        return {**copies, "adam.taken": np.array(self.taken)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned."""
        for name, tensor in self._tensors().items():
            tensor.copy_(torch.from_numpy(np.array(snapshot[name])))
        self.taken = int(snapshot["adam.taken"])

    def _tensors(self) -> dict[str, Tensor]:
        moments = {
            f"adam.{name}.{field}": tensor
            for field, tensors in (("mean", self.means), ("square", self.squares))
            for name, tensor in tensors.items()
        }
        return {**self.values, **moments}
