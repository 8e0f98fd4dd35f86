"""The state of Adam over a model: two moments a parameter, and the steps taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from feddmf.engines.base import Among, all_names

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

    def snapshot(self, among: Among = all_names) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the parameters `among` them by name, and of their moments as `adam.NAME.FIELD`."""
        copies = {name: tensor.cpu().numpy().copy() for name, tensor in self._tensors(among).items()}
        return {**copies, "adam.taken": np.array(self.taken)}

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]], among: Among = all_names) -> None:
        """Put back what `snapshot` returned of the parameters `among` them."""
        for name, tensor in self._tensors(among).items():
            tensor.copy_(torch.from_numpy(np.array(snapshot[name])))
        self.taken = int(snapshot["adam.taken"])

    def _tensors(self, among: Among) -> dict[str, Tensor]:
        fields = (("mean", self.means), ("square", self.squares))
        moments = {
            f"adam.{name}.{field}": tensors[name]
            for field, tensors in fields
            for name in filter(among, self.values)
        }
        return {name: self.values[name] for name in filter(among, self.values)} | moments
