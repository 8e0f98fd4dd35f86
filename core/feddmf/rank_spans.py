"""What trainings by several ranks have in common: whose users are whose, and spans of steps with averages.

Each rank takes steps on its own users, and every so many steps all take the average of what they share.
Source: Stich, "Local SGD converges fast and communicates little" (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from feddmf.engines.base import Pull
from feddmf.ranks import Ranks, Stopped

__all__ = ["SharedPulls", "take_span"]

Floats = npt.NDArray[np.float32]


def take_span(
    ranks: Ranks,
    span: tuple[int, int, int],
    take: Callable[[int, int], tuple[float, int]],
    shared: Sequence[Floats],
    stopped: Stopped,
) -> npt.NDArray[np.float64]:
    """Take the steps of a span; return the sum of this rank's losses, and of how many samples, [2].

    span: first step, last + 1, and how many steps there are between two averages of `shared`. take: takes the
    steps first..last-1. Raises Abandoned at all ranks where the first is `stopped`.
    """
    first, last, every = span
    found = np.zeros(2)
    for start in range(first, last, every):
        ranks.go_on(stopped=stopped())
        found += take(start, min(start + every, last))
        ranks.mean(shared)
    return found


class SharedPulls:
    """What pulls the rows of which table, as rank 0 has it and the others hear of it."""

    def __init__(self, pulls: Mapping[str, Pull]) -> None:
        self.pulls = pulls

    @classmethod
    def told(cls, told: Mapping[str, Any], *, width: int) -> SharedPulls:
        """Return room for the pulls that `describe` has described, with targets of this `width`."""
        return cls(
            {
                name: Pull(
                    codes=torch.zeros(each["rows"], dtype=torch.int64),
                    targets=torch.zeros(each["rows"], width),
                    single_peer=torch.zeros(each["rows"], dtype=torch.bool),
                    scale=each["scale"],
                    margin=each["margin"],
                )
                for name, each in told.items()
            }
        )

    def describe(self) -> dict[str, Any]:
        """Return all but the arrays, for a message."""
        return {
            name: {"rows": len(pull.codes), "scale": pull.scale, "margin": pull.margin}
            for name, pull in self.pulls.items()
        }

    def share(self, ranks: Ranks) -> None:
        """Write rank 0's arrays over everybody's."""
        for _, pull in sorted(self.pulls.items()):
            single = pull.single_peer.numpy().view(np.uint8)
            ranks.share([pull.codes.numpy(), pull.targets.numpy(), single])
