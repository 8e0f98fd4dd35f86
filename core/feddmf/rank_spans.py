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

__all__ = ["SharedPulls", "SharedState", "take_span"]

Floats = npt.NDArray[np.float32]
State = Mapping[str, npt.NDArray[Any]]

# What the names of a rank's moments begin with in a snapshot.
_RANK = "rank "


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


class SharedState:
    """What all ranks have alike between two spans, and the moments of Adam that each keeps of its own steps.

    Parameters are averaged, moments are not: they would be twice as many numbers again, and each rank's are
    as good an estimate as the mean's. Rank 0 keeps those of all for a snapshot.

    parameters: this rank's, on the model's own memory; read, write: model and optimiser state by name.
    """

    def __init__(
        self,
        ranks: Ranks,
        parameters: Mapping[str, Floats],
        *,
        read: Callable[[], dict[str, npt.NDArray[Any]]],
        write: Callable[[State], None],
    ) -> None:
        self.parameters = list(parameters.values())
        self._ranks, self._names, self._read, self._write = ranks, set(parameters), read, write
        # At rank 0: parameters as all had them last; None where they have not all the same state yet.
        self._agreed: list[Floats] | None = None
        self._changed: list[npt.NDArray[np.int64]] = []
        # At rank 0: what was restored of the others' moments, and is not with them yet.
        self._unsent: State = {}

    def begin(self) -> dict[str, Any]:
        """Return, at rank 0 and for a message, what of it the others have to hear of before the next span."""
        agreed, self._agreed = self._agreed, None
        self._changed = [
            np.flatnonzero((_rows(now) != _rows(before)).any(axis=1))
            for now, before in zip(self.parameters, agreed or (), strict=agreed is not None)
        ]
        return {"whole": agreed is None, "changed": [len(codes) for codes in self._changed]}

    def take_over(self, told: Mapping[str, Any]) -> None:
        """Write rank 0's over everybody's, as `begin` has described it: all, or rows that have changed."""
        if told["whole"]:
            self._take_over_all()
            return
        for number, count in enumerate(told["changed"]):
            rows = _rows(self.parameters[number])
            codes = self._changed[number] if self._ranks.is_first else np.zeros(count, dtype=np.int64)
            values = rows[codes]
            self._ranks.share([codes, values])
            rows[codes] = values

    def end(self) -> None:
        """Note, at rank 0, that all have the same parameters now."""
        self._agreed = [array.copy() for array in self.parameters]

    def snapshot(self, gather: Callable[[], State]) -> dict[str, npt.NDArray[Any]]:
        """Return, at rank 0, its state by name, and the others' moments behind the numbers of their ranks.

        gather: has all ranks call `gathered`.
        """
        return self._read() | dict(self._unsent if self._agreed is None else gather())

    def gathered(self) -> State:
        """Return the moments of the other ranks, named as in a snapshot; all ranks call it."""
        state, found = self._read(), {}
        for name in self._moments(state):
            of_all = self._ranks.collect(state[name].ravel())
            found.update(
                {_of_rank(rank, name): each.reshape(state[name].shape) for rank, each in enumerate(of_all)}
            )
            del found[_of_rank(0, name)]
        return found

    def restore(self, snapshot: State) -> None:
        """Continue, at rank 0, from a `snapshot`; where it has no moments of a rank, that takes rank 0's."""
        others = {_of_rank(rank, name) for rank in range(1, self._ranks.size) for name in snapshot}
        self._unsent = {name: np.array(array) for name, array in snapshot.items() if name in others}
        self._write({name: array for name, array in snapshot.items() if not name.startswith(_RANK)})
        self._agreed = None

    def _take_over_all(self) -> None:
        state = self._read()
        self._ranks.share([state[name] for name in sorted(state)])
        mine = dict(state)
        for rank in range(1, self._ranks.size):
            for name in self._moments(state):
                # Rank 0 alone has something to say; all hear it, and one keeps it.
                moments = np.array(self._unsent.get(_of_rank(rank, name), state[name]))
                self._ranks.share([moments])
                if rank == self._ranks.rank:
                    mine[name] = moments
        self._write(mine)
        self._unsent = {}

    def _moments(self, state: State) -> list[str]:
        return sorted(name for name in state.keys() - self._names if state[name].dtype == np.float32)


def _of_rank(rank: int, name: str) -> str:
    return f"{_RANK}{rank}.{name}"


def _rows(array: Floats) -> Floats:
    """Return a view of `array` that has an axis over rows and one over columns."""
    return array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)


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
