"""Steps of a history tower by compiled code: blocks of items whose cells stay in the cache.

A block's logits, losses, gradients and Adam step are done before the next block is begun, so that no step
holds more than a block of cells or of gradients, whatever the number of items. Matrix products are torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.engines.base import Pull
from feddmf.history import HistoryModel
from feddmf.history_engines.adam_steps import AdamSteps
from feddmf.history_engines.base import DECAY, Step
from feddmf.history_engines.batch import Batch
from feddmf.interactions import Interactions
from feddmf.kernels.history_cells import turn_cells
from feddmf.kernels.history_tables import add_pulls, sum_gradients
from feddmf.kernels.pulling import Targets

__all__ = ["CompiledEngine"]

Floats = npt.NDArray[np.float32]
Pulled = Mapping[str, Targets]
# Has each thread do its share, of which it is told its number.
_Spread = Callable[[Callable[[int], None]], None]

# Cells of a block, and rows of a block of gradients alone: either fits a cache with all that belongs to it.
_CELLS, _ROWS = 1 << 18, 1 << 10
# Blocks begin at multiples of it, where vector registers like it.
_ALIGNED = 64


@dataclass(frozen=True, eq=False)
class _Workspace:
    """What one thread writes to.

    cells: [users * items of a block]; gradients: [rows of a block, dim]; of_users: [users, dim], the gradient
    in the users' vectors by the blocks of this thread.
    """

    cells: Tensor
    gradients: Tensor
    of_users: Tensor

    @classmethod
    def of(cls, users: int, dim: int) -> Self:
        """Take the memory for batches of so many users."""
        items = _block_items(users)
        return cls(torch.empty(users * items), torch.empty(max(items, _ROWS), dim), torch.empty(users, dim))


class CompiledEngine:
    """Trains on `threads` threads, which share the blocks of items; the same number of them, the same bits.

    seen: bool [items], the items that there are.
    """

    def __init__(
        self, model: HistoryModel, data: Interactions, seen: npt.NDArray[np.bool_], *, threads: int = 1
    ) -> None:
        self._data, self._threads = data, threads
        self._seen = seen.astype(np.float32)
        self._adam = AdamSteps(model)
        self._values, self._vectors = self._adam.values, self._adam.state.values["vectors"]
        self._workspaces: dict[int, list[_Workspace]] = {}

    def run(self, steps: Iterable[Step], pulls: Mapping[str, Pull]) -> float:
        """Take the steps; return the sum of their losses. See `HistoryEngine`."""
        pulled = {name: _targets(pull, self._data.items) for name, pull in pulls.items()}
        with ExitStack() as stack:
            # A block is one thread's, and so are the products in it.
            torch.set_num_threads(1)
            stack.callback(torch.set_num_threads, self._threads)
            if self._threads == 1:
                return sum(self._step(step, pulled, _alone) for step in steps)
            pool = ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,))
            spread = _shared(stack.enter_context(pool), self._threads)
            return sum(self._step(step, pulled, spread) for step in steps)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return parameters and the optimiser's state by name."""
        return self._adam.state.snapshot()

    def restore(self, snapshot: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from `snapshot`, bit for bit."""
        self._adam.state.restore(snapshot)

    def _step(self, step: Step, pulled: Pulled, spread: _Spread) -> float:
        values = self._values
        batch = Batch.of(self._data, step, values["contexts"], values["constant"], values["activity"])
        if len(step.users) not in self._workspaces:
            users, dim = batch.vectors.shape
            self._workspaces[users] = [_Workspace.of(users, dim) for _ in range(self._threads)]
        self._adam.begin(step.rate)
        loss, of_vectors, of_bias, of_activity = self._step_vectors(batch, pulled, spread)
        of_inside = of_vectors * (1 - np.square(batch.vectors))
        self._step_contexts(batch, of_inside * batch.damping, pulled, spread)
        for name, gradient in (("bias", of_bias), ("constant", of_inside.sum(0)), ("activity", of_activity)):
            self._adam.step(name, slice(0, len(gradient)), gradient)
        return loss

    def _step_vectors(
        self, batch: Batch, pulled: Pulled, spread: _Spread
    ) -> tuple[float, Floats, Floats, Floats]:
        """Step item vectors; return the loss and the gradients of users [users, dim], biases and activity."""
        blocks = _blocks(self._data.items, _block_items(len(batch.vectors)))
        # Of each block the loss, and the gradients of the activity's intercept and weight.
        totals, of_bias = np.zeros((len(blocks), 3)), np.empty(self._data.items, dtype=np.float32)
        workspaces = self._workspaces[len(batch.vectors)]
        # In memory of torch's own: products may depend on where an array begins.
        users = torch.from_numpy(batch.vectors).clone()
        scaled = users * batch.scale

        def work(thread: int) -> None:
            workspaces[thread].of_users.zero_()
            for number in range(thread, len(blocks), self._threads):
                block, workspace = blocks[number], workspaces[thread]
                vectors = self._vectors[block]
                cells = workspace.cells[: users.shape[0] * vectors.shape[0]].view(users.shape[0], -1)
                torch.mm(users, vectors.T, out=cells)
                self._turn(batch, cells.numpy(), block, of_bias[block], totals[number])
                workspace.of_users.addmm_(cells, vectors)
                gradients = workspace.gradients[: vectors.shape[0]]
                torch.mm(cells.T, scaled, out=gradients)
                self._step_rows("vectors", block, gradients.numpy(), pulled)

        spread(work)
        of_users: Floats = np.sum([each.of_users.numpy() for each in workspaces], axis=0)
        loss, of_shift, of_level = totals.sum(axis=0)
        scale = np.float32(batch.scale)
        of_activity = np.array([of_level, of_shift], dtype=np.float32)
        return float(loss), of_users * scale, of_bias * scale, of_activity * scale

    def _turn(
        self, batch: Batch, cells: Floats, block: slice, of_bias: Floats, totals: npt.NDArray[np.float64]
    ) -> None:
        """Turn a block's scalar products into gradients; fill those of the biases, and the block's totals."""
        starts = batch.item_starts[block.start : block.stop + 1]
        bias, seen = self._values["bias"][block], self._seen[block]
        turn_cells(cells, bias, batch.shifts, batch.levels, seen, starts, batch.owners, of_bias, totals)

    def _step_contexts(self, batch: Batch, of_sums: Floats, pulled: Pulled, spread: _Spread) -> None:
        """Step context vectors by the gradients [users, dim] of the users' sums over them."""
        blocks = _blocks(self._data.items, _ROWS)
        workspaces = self._workspaces[len(of_sums)]

        def work(thread: int) -> None:
            for block in blocks[thread :: self._threads]:
                gradients = workspaces[thread].gradients[: block.stop - block.start].numpy()
                starts = batch.item_starts[block.start : block.stop + 1]
                sum_gradients(of_sums, starts, batch.owners, batch.weights, gradients)
                self._step_rows("contexts", block, gradients, pulled)

        spread(work)

    def _step_rows(self, table: str, block: slice, gradients: Floats, pulled: Pulled) -> None:
        if table in pulled:
            targets = pulled[table]._replace(places=pulled[table].places[block])
            add_pulls(gradients, self._values[table][block], targets)
        self._adam.step(table, block, gradients, decay=2 * DECAY)


def _targets(pull: Pull, items: int) -> Targets:
    """Return what pulls which of so many items, as kernels take it."""
    return Targets(
        places=pull.places(items).numpy().astype(np.int32),
        vectors=pull.targets.contiguous().numpy(),
        single_peer=pull.single_peer.contiguous().numpy(),
        scale=np.float32(pull.scale),
        margin=np.float32(pull.margin),
    )


def _block_items(users: int) -> int:
    """Return how many items a block has for so many users."""
    return min(max(_CELLS // users // _ALIGNED, 1) * _ALIGNED, _ROWS)


def _blocks(items: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, items)) for first in range(0, items, size)]


def _alone(work: Callable[[int], None]) -> None:
    work(0)


def _shared(pool: ThreadPoolExecutor, threads: int) -> _Spread:
    def spread(work: Callable[[int], None]) -> None:
        list(pool.map(work, range(threads)))

    return spread
