"""The state of a model and its optimiser as named numpy arrays, and back, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["load_optimiser", "save_optimiser"]

_PREFIX = "adam."


def save_optimiser(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, npt.NDArray[Any]]:
    """Return the parameters by name, and the optimiser's state as `adam.PARAMETER.FIELD`."""
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    for index, values in optimizer.state_dict()["state"].items():
        state.update({f"{_PREFIX}{index}.{name}": value for name, value in values.items()})
    return {name: tensor.numpy().copy() for name, tensor in state.items()}


def load_optimiser(
    model: nn.Module, optimizer: torch.optim.Optimizer, snapshot: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Put back what `save_optimiser` returned."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(np.array(snapshot[name])))
    state = optimizer.state_dict()
    state["state"] = {}
    for name, array in snapshot.items():
        if name.startswith(_PREFIX):
            _, index, field = name.split(".")
            state["state"].setdefault(int(index), {})[field] = torch.from_numpy(np.array(array))
    optimizer.load_state_dict(state)
