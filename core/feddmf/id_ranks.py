"""The fit loop of a DeepMF with a vector a user by several processes, each with users of its own.

Each rank has the vectors of its own users, and they stay there until rank 0 asks for them. The item vectors
and the layers are averaged every so many steps; the moments of Adam that belong to them stay with each rank
too. The rate grows with the root of the number of ranks, as in `feddmf.history_ranks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.engines.base import Pull, Snapshot
from feddmf.engines.steps import Steps
from feddmf.errors import ConfigError
from feddmf.interactions import Interactions
from feddmf.model import DeepMF, IdTower
from feddmf.rank_spans import SharedPulls, SharedState, take_span
from feddmf.ranks import Ranks, Stopped
from feddmf.runfile import TrainingSettings
from feddmf.sampling import Samples, samples_of
from feddmf.training import Trainer

__all__ = ["RankedTrainer", "agreed_steps", "own_part", "stream_of"]

Floats = npt.NDArray[np.float32]

_VECTORS = "tower.vectors"
# What there is of each user, by the names of a snapshot: vectors, then what the optimiser holds of them.
_ROWS = (_VECTORS, f"adam.{_VECTORS}.mean", f"adam.{_VECTORS}.square")
# Rows of each rank that are sent at once.
_BLOCK = 1 << 14


class RankedTrainer(Trainer):
    """One rank's part in a training, of which rank 0 has the model that counts between two spans of steps.

    model: with this rank's users alone, of `users` in all, as `own_part` makes it; samples: theirs.
    per_epoch: steps an epoch, as agreed by `agreed_steps`. whole: for rank 0, the vectors of all users,
    [users, dim], which are brought up to date by `complete`.
    """

    def __init__(
        self,
        model: DeepMF,
        samples: Samples,
        settings: TrainingSettings,
        *,
        seed: int,
        party: str,
        per_epoch: int,
        ranks: Ranks,
        users: int,
        whole: Floats | None = None,
    ) -> None:
        faster = settings.model_copy(update={"learning_rate": settings.learning_rate * math.sqrt(ranks.size)})
        steps = Steps(
            samples, settings.batch_size, address=(seed, stream_of(party, ranks)), per_epoch=per_epoch
        )
        super().__init__(model, samples, faster, seed=seed, party=party, steps=steps)
        # Arrays on the model's own memory, which engines read anew.
        parameters = {
            name: tensor.detach().numpy() for name, tensor in model.named_parameters() if _is_shared(name)
        }
        self._shared = SharedState(
            ranks,
            parameters,
            read=lambda: self._engine.snapshot(_is_shared),
            write=lambda state: self._engine.restore(state, _is_shared),
        )
        self._ranks, self._users, self._whole = ranks, users, whole
        # What rank 0 has of all users and no rank is taking steps with yet, by name; at first vectors alone.
        self._unsent: Mapping[str, Floats] = {} if whole is None else {_VECTORS: whole}

    def train(self, first: int, last: int, pull: Pull | None) -> float:
        """Take the steps first..last-1 with all others; return the mean MSE over their samples."""
        shared = SharedPulls({} if pull is None else {"items": pull})

        def lead(stopped: Stopped) -> tuple[float, int]:
            rows, self._unsent = self._unsent, {}
            steps = {
                "first": first,
                "last": last,
                "every": self._ranks.every,
                "per_epoch": self._steps.per_epoch,
            }
            told = {"do": "train", **steps, "rows": list(rows), "state": self._shared.begin()}
            self._ranks.tell({**told, "pulls": shared.describe()})
            return self._take_part(told, shared, stopped, rows)

        total, samples = self._ranks.together(lead)
        self._shared.end()
        return self._mean(total, samples, last)

    def follow(self, told: Mapping[str, Any]) -> None:
        """Do what rank 0 has told of. Raises Abandoned where it does not go on with its steps."""
        if told["do"] == "gather":
            self._gather(told["rows"])
            return
        if told["do"] == "gather moments":
            self._shared.gathered()
            return
        shared = SharedPulls.told(told["pulls"], width=self.model.items.shape[1])
        self._take_part(told, shared, lambda: False, {})

    def complete(self) -> None:
        """Have the vectors of all users in `whole`; at rank 0 alone."""
        if self._whole is not None and not self._unsent:
            self._whole[:] = self._everybodys(_ROWS[:1])[_VECTORS]

    def snapshot(self) -> Snapshot:
        """Return model and optimiser state of all users by name, as one process would have it.

        Behind it are the moments of the other ranks, which one process leaves alone.
        """
        rows = self._unsent or self._everybodys(_ROWS)
        shape = self._users, self.model.items.shape[1]
        every = {
            name: np.array(rows[name]) if name in rows else np.zeros(shape, np.float32) for name in _ROWS
        }
        return {**self._shared.snapshot(self._moments), **every}

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from `snapshot`, bit for bit; the other ranks do once they are told of the next steps."""
        self._shared.restore(snapshot)
        self._unsent = {name: np.array(snapshot[name]) for name in _ROWS}
        if self._whole is not None:
            self._whole[:] = self._unsent[_VECTORS]

    def _take_part(
        self, told: Mapping[str, Any], pulls: SharedPulls, stopped: Stopped, rows: Mapping[str, Floats]
    ) -> tuple[float, int]:
        """Take steps from where rank 0 is; return the sum of all ranks' losses, and of how many samples."""
        self._spread(told["rows"], rows)
        self._shared.take_over(told["state"])
        pulls.share(self._ranks)

        def take(first: int, last: int) -> tuple[float, int]:
            return self._take(first, last, pulls.pulls.get("items"))

        span = told["first"], told["last"], told["every"]
        found = take_span(self._ranks, span, take, self._shared.parameters, stopped)
        self._ranks.total([found])
        return float(found[0]), int(found[1])

    def _moments(self) -> Snapshot:
        """Return the moments of the other ranks."""

        def lead(_: Stopped) -> Snapshot:
            self._ranks.tell({"do": "gather moments"})
            return self._shared.gathered()

        return self._ranks.together(lead)

    def _spread(self, names: Sequence[str], rows: Mapping[str, Floats]) -> None:
        """Take over this rank's part of what rank 0 has of all users, `rows` [users, dim] by name."""
        rank, size = self._ranks.rank, self._ranks.size
        own = self._engine.snapshot(_is_own)
        for name in names:
            for start, stop in self._blocks():
                block = np.empty((min(stop, self._users) - start, self.model.items.shape[1]), np.float32)
                if rows:
                    block[:] = rows[name][start:stop]
                self._ranks.share([block])
                own[name][start // size : stop // size] = block[rank::size]
        self._engine.restore(own, _is_own)

    def _everybodys(self, names: Sequence[str]) -> dict[str, Floats]:
        """Return what all ranks have of their users, [users, dim] by name."""

        def lead(_: Stopped) -> dict[str, Floats]:
            self._ranks.tell({"do": "gather", "rows": names})
            return self._gather(names)

        return self._ranks.together(lead)

    def _gather(self, names: Sequence[str]) -> dict[str, Floats]:
        size, dim = self._ranks.size, self.model.items.shape[1]
        own = self._engine.snapshot(_is_own)
        found = {name: np.empty((self._users, dim), np.float32) for name in names if self._ranks.is_first}
        for name in names:
            for start, stop in self._blocks():
                pieces = self._ranks.collect(own[name][start // size : stop // size].ravel())
                for rank, piece in enumerate(pieces if found else []):
                    found[name][start + rank : stop : size] = piece.reshape(-1, dim)
        return found

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Yield first and last + 1 of users whose rows are sent at once; the last ones may be beyond all."""
        step = _BLOCK * self._ranks.size
        for start in range(0, self._users, step):
            yield start, start + step


def stream_of(party: str, ranks: Ranks) -> str:
    """Return the name under which this rank of a party draws."""
    return f"{party}, rank {ranks.rank} of {ranks.size}"


def own_part(model: DeepMF, ranks: Ranks) -> DeepMF:
    """Return `model` with copies of the vectors of this rank's users alone; all else is shared with it."""
    whole = model.get_parameter(_VECTORS).detach()
    items = model.items.detach()
    part = DeepMF(
        IdTower(whole[ranks.rank :: ranks.size].clone()),
        items,
        hidden=len(model.bias),
        dropout=model.dropout,
        seed=0,
    )
    for name, parameter in model.named_parameters(recurse=False):
        setattr(part, name, parameter)
    return part


def agreed_steps(data: Interactions, settings: TrainingSettings, ranks: Ranks, *, party: str) -> int:
    """Return how many steps an epoch has for each rank: about as many samples a step as one process takes.

    data: of all users. Raises ConfigError where a rank would have no pair to train on.
    """
    counts = data.user_counts()
    samples = []
    for rank in range(ranks.size):
        own = counts[rank :: ranks.size]
        samples.append(samples_of(int(own.sum()), len(own) * data.items, settings.negatives))
    if not min(samples):
        raise ConfigError(
            f"{party} has too few users with an item for {ranks.size} processes",
            hint="start fewer processes: torchrun --nproc-per-node",
        )
    return min(math.ceil(sum(samples) / ranks.size / settings.batch_size), *samples)


def _is_shared(name: str) -> bool:
    return name != _VECTORS


def _is_own(name: str) -> bool:
    return name == _VECTORS
