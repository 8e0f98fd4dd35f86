"""Compiled steps on the CPU: one call takes many, over the rows that they touch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.engines.adam_state import AdamState
from feddmf.engines.base import Among, Pull, Snapshot, all_names
from feddmf.engines.steps import Steps
from feddmf.kernels.adam import Moments
from feddmf.kernels.id_steps import Layers, Plan, Table, take_steps
from feddmf.kernels.pulling import Targets
from feddmf.model import DeepMF
from feddmf.runfile import TrainingSettings

__all__ = ["CompiledEngine"]

# Samples that are drawn at once: few enough to stay in the cache, enough to make the calls cheap.
_DRAWN = 1 << 15


class CompiledEngine:
    """Trains on one thread, in the memory of the model's own tensors."""

    def __init__(self, model: DeepMF, steps: Steps, settings: TrainingSettings) -> None:
        self._steps = steps
        self._state = AdamState(model)
        self._plan = Plan(
            key=steps.key,
            dropout=model.dropout,
            learning_rate=settings.learning_rate,
            lazy=settings.optimizer == "lazy_adam",
        )
        self._users = self._table("tower.vectors", "user_weight", steps.largest)
        self._items = self._table("items", "item_weight", steps.largest)
        hidden = len(model.bias)
        self._layers = Layers(
            bias=self._moments("bias", (1, hidden)),
            out_weight=self._moments("out_weight", (1, hidden)),
            out_bias=self._moments("out_bias", (1, 1)),
            bias_slope=_zeros(1, hidden),
            out_weight_slope=_zeros(1, hidden),
            out_bias_slope=_zeros(1, 1),
            hidden=_zeros(1, hidden),
        )
        self._free = _no_targets(self._users)
        self._pulled: tuple[Pull | None, Targets] | None = None

    def train(self, first: int, last: int, pull: Pull | None) -> tuple[float, int]:
        """Take the steps first..last-1; return the sum of the squared errors, and of how many samples."""
        if self._pulled is None or self._pulled[0] is not pull:
            self._pulled = (pull, self._targets(pull))
        targets = self._pulled[1]
        total, samples, step = 0.0, 0, first
        while step < last:
            batch, starts = self._steps.block(step, last, size=_DRAWN)
            total += take_steps(
                self._users,
                self._items,
                self._layers,
                batch,
                starts,
                step,
                self._state.taken,
                self._free,
                targets,
                self._plan,
            )
            taken = len(starts) - 1
            samples, step = samples + len(batch.labels), step + taken
            self._state.taken += taken
        return total, samples

    def snapshot(self, among: Among = all_names) -> dict[str, npt.NDArray[np.generic]]:
        """Return copies of the parameters `among` them, and of the optimiser's state, by name."""
        return self._state.snapshot(among)

    def restore(self, snapshot: Snapshot, among: Among = all_names) -> None:
        """Go on from `snapshot`, bit for bit, with the parameters `among` them; others stay as they are."""
        self._state.restore(snapshot, among)

    def _moments(self, name: str, shape: tuple[int, int]) -> Moments:
        state = self._state
        return Moments(
            *(each[name].numpy().reshape(shape) for each in (state.values, state.means, state.squares))
        )

    def _table(self, name: str, layer: str, most: int) -> Table:
        rows, dim = self._state.values[name].shape
        hidden = len(self._state.values[layer])
        room = min(rows, most) + 1
        return Table(
            tensor=self._moments(name, (rows, dim)),
            slots=np.full(rows, -1, dtype=np.int32),
            touched=np.zeros(room, dtype=np.int32),
            vectors=_zeros(room, dim),
            gradients=_zeros(room, dim),
            projected=_zeros(room, hidden),
            errors=_zeros(room, hidden),
            weight=self._moments(layer, (hidden, dim)),
            turned=_zeros(dim, hidden),
            slope=_zeros(hidden, dim),
            part=_zeros(hidden, dim),
        )

    def _targets(self, pull: Pull | None) -> Targets:
        if pull is None:
            return _no_targets(self._items)
        return Targets(
            places=pull.places(len(self._items.slots)).numpy().astype(np.int32),
            vectors=np.ascontiguousarray(pull.targets.numpy()),
            single_peer=np.ascontiguousarray(pull.single_peer.numpy()),
            scale=np.float32(pull.scale),
            margin=np.float32(pull.margin),
        )


def _no_targets(table: Table) -> Targets:
    return Targets(
        places=np.full(len(table.slots), -1, dtype=np.int32),
        vectors=_zeros(0, table.vectors.shape[1]),
        single_peer=np.zeros(0, dtype=np.bool_),
        scale=np.float32(0),
        margin=np.float32(0),
    )


def _zeros(*shape: int) -> npt.NDArray[np.float32]:
    return np.zeros(shape, dtype=np.float32)
