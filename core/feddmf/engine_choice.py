"""Which engine takes the steps of a training, as the run file and the machine have it."""

from __future__ import annotations

from typing import Literal

import torch

from feddmf.errors import ConfigError

__all__ = ["Engine", "choose_engine"]

Engine = Literal["compiled", "torch", "cuda"]


def choose_engine(wanted: Literal["auto", "compiled", "torch", "cuda"]) -> Engine:
    """Return what `training.engine` comes to here: auto is cuda where there is a device, else compiled.

    Raises ConfigError where cuda is asked for and torch finds none.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if has_cuda else "compiled"
    if wanted == "cuda" and not has_cuda:
        raise ConfigError(
            "training.engine is cuda, and torch finds no CUDA device on this machine",
            hint="set training.engine to auto in the run file, or install a build of torch for your GPU",
        )
    return wanted
