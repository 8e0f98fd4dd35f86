"""Steps of the default recipe's history tower: compiled, by torch, and as it is usually written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from feddmf.interactions import Interactions
from feddmf.randomness import generator
from feddmf.runfile import TrainingSettings
from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.limits import gemm_flops_per_s
from feddmf_benchmarks.row import Row, Scale

__all__ = ["Size", "history_rows", "made_up", "rows_of"]

_DROPOUT = 0.3
_WARM_UP = 2
# Nobody comes to the end of so many steps.
_LONG = 1_000_000


@dataclass(frozen=True)
class Size:
    """A table, the length of a vector, and how many steps are measured at once."""

    users: int
    items: int
    pairs: int
    steps: int
    batch: int = 100
    dim: int = 64

    def __str__(self) -> str:
        return f"{self.items:,} items, batch {self.batch}, dim {self.dim}"


_FILMS, _LARGE = Size(600, 6_000, 95_000, steps=60), Size(1_000, 100_000, 200_000, steps=4)
_SIZES = {
    Scale.SMALL: (Size(600, 6_000, 95_000, steps=10),),
    Scale.USUAL: (_FILMS, _LARGE),
    Scale.FULL: (_FILMS, _LARGE, Size(4_000, 20_000, 800_000, steps=10, batch=1_000)),
}


def history_rows(scale: Scale) -> list[Row]:
    """Return the rows of history towers: a catalogue of films, and larger ones."""
    return [row for size in _SIZES[scale] for row in rows_of(size)]


def rows_of(size: Size, *, turns: int = 5) -> list[Row]:
    """Measure users a second; the limit is that of the three matrix products of a step alone."""
    contenders = [
        Contender(f"history compiled, {size}", partial(_ours, size, "compiled")),
        Contender(f"history torch, {size}", partial(_ours, size, "torch")),
        Contender(f"history autograd, {size}", partial(_autograd, size)),
    ]
    limit = gemm_flops_per_s() / (6 * size.items * size.dim)
    return compare(contenders, unit="users/s", limit=limit, rounds=turns)


def made_up(size: Size) -> Interactions:
    """Return users with some of the items each, of which a few are popular."""
    random = generator(0, "history", size.users, size.items)
    users = random.integers(0, size.users, size.pairs)
    items = (size.items * random.random(size.pairs) ** 3).astype(np.int64)
    return Interactions.from_pairs(users, items, shape=(size.users, size.items))


def _ours(size: Size, engine: str) -> Work:
    import torch

    from feddmf.history import START_STD, HistoryModel
    from feddmf.history_training import HistoryTrainer
    from feddmf.model import normal

    torch.set_num_threads(1)
    data = made_up(size)
    contexts, vectors = (
        normal((size.items, size.dim), START_STD, 0, name) for name in ("contexts", "vectors")
    )
    model = HistoryModel(contexts, vectors, data)
    settings = TrainingSettings.model_validate(
        {"epochs": 10_000, "max_steps": _LONG, "batch_size": size.batch, "engine": engine}
    )
    seen = np.ones(size.items, dtype=np.bool_)
    trainer = HistoryTrainer(model, data, seen, settings, dropout=_DROPOUT, rounds=1, address=(0, "a", "b"))
    trainer.train(0, _WARM_UP, {})
    taken = _WARM_UP

    def work() -> float:
        nonlocal taken
        trainer.train(taken, taken + size.steps, {})
        taken += size.steps
        return float(size.steps * size.batch)

    return work


def _autograd(size: Size) -> Work:
    import torch

    from feddmf.history import START_STD
    from feddmf.model import normal
    from feddmf_benchmarks.baselines.history_autograd import AutogradTower, train_step

    torch.set_num_threads(1)
    data, random = made_up(size), generator(0, "batches")
    contexts, vectors = (
        normal((size.items, size.dim), START_STD, 0, name) for name in ("contexts", "vectors")
    )
    tower = AutogradTower(contexts, vectors, data)
    adam = torch.optim.Adam(tower.parameters(), betas=(0.9, 0.99))

    def work() -> float:
        for _ in range(size.steps):
            users = random.choice(size.users, size.batch, replace=False)
            train_step(tower, adam, data, users, dropout=_DROPOUT)
        return float(size.steps * size.batch)

    work()
    return work
