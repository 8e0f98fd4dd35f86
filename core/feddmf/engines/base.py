"""What takes the training steps of a DeepMF, whichever hardware and code it does so with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

__all__ = ["Among", "Engine", "Pull", "Snapshot", "all_names"]

Snapshot = Mapping[str, npt.NDArray[Any]]
# Tells which parameters are meant, by their names.
Among = Callable[[str], bool]


def all_names(_: str) -> bool:
    """Return True: every parameter is meant."""
    return True


@dataclass(frozen=True, eq=False)
class Pull:
    """What pulls item vectors towards the peers' between two exchanges.

    codes: int64 [rows], the item codes; targets: float32 [rows, dim]; single_peer: bool [rows];
    scale: beta / |P|; margin: m of eq. 4.
    """

    codes: Tensor
    targets: Tensor
    single_peer: Tensor
    scale: float
    margin: float

    def places(self, items: int) -> Tensor:
        """Return each item's row of the targets, int64 [items]; -1 for those that nothing pulls."""
        found = self.codes.new_full((items,), -1)
        found[self.codes] = self.codes.new_tensor(np.arange(len(self.codes)))
        return found


class Engine(Protocol):
    """Minimises eq. 2 plus the pull of eq. 4 by Adam, over the parameters of one model, in place.

    With training.optimizer = "lazy_adam" the user and item vectors that no sample of a step touches keep
    value and moments, and are not pulled. Steps are addressed by number, so that any of them can be redone.
    """

    def train(self, first: int, last: int, pull: Pull | None) -> tuple[float, int]:
        """Take the steps first..last-1; return the sum of the squared errors, and of how many samples."""
        ...

    def snapshot(self, among: Among = all_names) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the parameters `among` them, and of the optimiser's state, by name."""
        ...

    def restore(self, snapshot: Snapshot, among: Among = all_names) -> None:
        """Go on from `snapshot`, bit for bit, with the parameters `among` them; others stay as they are."""
        ...
