"""One party that is large: its table made up on disk, its training measured, and how the cost of it grows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from feddmf.interactions import Interactions
from feddmf.model import START_STD, fresh_model, normal
from feddmf.runfile import ModelSettings, TrainingSettings
from feddmf.sampling import Sampler
from feddmf.training import Trainer
from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Running, Work
from feddmf_benchmarks.row import Row

__all__ = ["Growth", "large_rows", "read_table", "write_table"]

_DIM, _HIDDEN, _DROPOUT = 32, 64, 0.2
_SETTINGS = TrainingSettings(
    batch_size=8192, negatives=4, learning_rate=1e-2, epochs=1, optimizer="lazy_adam", engine="compiled"
)
_PARTY = "large"
_CHUNK = 20_000  # users
_INDICES = "indices.i32"
# What users and items are divided by, in one table after another.
_PARTS = (10, 3, 1)


@dataclass(frozen=True)
class Growth:
    """Users and items, and pairs a user in one table after another.

    steps: of each table in a turn; turns: in which the tables alternate; whole: whether the last table's
    epoch is then trained to its end.
    """

    users: int
    items: int
    each: Sequence[int]
    steps: int
    turns: int = 5
    whole: bool = False


@dataclass(frozen=True)
class _Table:
    users: int
    items: int
    each: int

    @property
    def pairs(self) -> int:
        return self.users * self.each

    def __str__(self) -> str:
        return f"{self.users:,} users x {self.items:,} items x {self.pairs:,}"


def large_rows(growth: Growth) -> list[Row]:
    """Return what an epoch takes for each table, and the exponent with which that grows with the pairs.

    First the pairs alone grow, then users, items and pairs alike, up to all users and items.
    """
    users, items = growth.users, growth.items
    by_pairs = [_Table(users, items, each) for each in growth.each]
    middle = growth.each[len(growth.each) // 2]
    by_all = [_Table(users // part, items // part, middle) for part in _PARTS]
    fixed = f"growth of an epoch with the pairs, {users:,} users x {items:,} items"
    whole = f"growth of an epoch with users, items and pairs, up to {by_all[-1]}"
    return [*_fitted(fixed, by_pairs, growth, whole=growth.whole), *_fitted(whole, by_all, growth)]


def _fitted(title: str, tables: Sequence[_Table], growth: Growth, *, whole: bool = False) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="feddmf-bench-") as name:
        folders = [Path(name) / str(number) for number in range(len(tables))]
        for folder, table in zip(folders, tables, strict=True):
            write_table(folder, table.users, table.items, table.each)
        found = compare(
            [
                Contender(f"an epoch, {table}", partial(_prepare, folder, table, growth.steps))
                for folder, table in zip(folders, tables, strict=True)
            ],
            unit="epochs/s",
            rounds=growth.turns,
        )
        seconds = [1 / row.value for row in found]
        rows = [
            replace(row, baseline="", ratio=None, value=value, unit="s")
            for row, value in zip(found, seconds, strict=True)
        ]
        if whole:
            rows.append(_whole(tables[-1], folders[-1]))
    exponent = float(np.polyfit(np.log([table.pairs for table in tables]), np.log(seconds), 1)[0])
    return [*rows, Row(title, "", None, exponent, "exponent", None, max(row.peak_mib for row in rows))]


def write_table(folder: Path, users: int, items: int, each: int) -> None:
    """Write a table of `users` with `each` distinct items, popular ones more often, as it is read back.

    each: at most the root of `items`. A user has one item of each of as many ranges of popularity ranks,
    which grow with the rank.
    """
    random = np.random.default_rng(0)
    codes = random.permutation(items).astype(np.int32)
    bounds = (items * (np.arange(each + 1) / each) ** 2).astype(np.int64)
    folder.mkdir(parents=True)
    written = np.memmap(folder / _INDICES, dtype=np.int32, mode="w+", shape=(users, each))
    for first in range(0, users, _CHUNK):
        last = min(first + _CHUNK, users)
        ranks = random.random((last - first, each), dtype=np.float32) * np.diff(bounds).astype(np.float32)
        ranks = np.minimum(bounds[:-1] + ranks.astype(np.int64), bounds[1:] - 1)
        written[first:last] = np.sort(codes[ranks], axis=1)
    written.flush()


def read_table(folder: Path, users: int, items: int, each: int) -> Interactions:
    """Return the table with its items left on disk."""
    indices = np.memmap(folder / _INDICES, dtype=np.int32, mode="r")
    return Interactions(
        indptr=np.arange(users + 1, dtype=np.int64) * each,
        indices=indices,
        values=np.broadcast_to(np.float32(1), indices.shape),
        items=items,
    )


def _whole(table: _Table, folder: Path) -> Row:
    """Return what an epoch takes from its first step to its last."""
    name = f"a whole epoch, {table.pairs:,} pairs"
    with Running(Contender(name, partial(_prepare, folder, table, None))) as running:
        _, seconds, peak = running.once()
    return Row(name, "", None, seconds, "s", None, peak)


def _prepare(folder: Path, table: _Table, steps: int | None) -> Work:
    """Return the work of so many steps, None for an epoch, which says how much of an epoch it was."""
    torch.set_num_threads(1)
    data = read_table(folder, table.users, table.items, table.each)
    model = fresh_model(
        data.users,
        normal((data.items, _DIM), START_STD, 0, _PARTY, "items"),
        ModelSettings(tower="id", embedding_dim=_DIM, hidden_dim=_HIDDEN, dropout=_DROPOUT),
        seed=0,
        party=_PARTY,
    )
    sampler = Sampler(data, negatives=_SETTINGS.negatives, seed=0, party=_PARTY)
    trainer = Trainer(model, sampler, _SETTINGS, seed=0, party=_PARTY)
    count = trainer.steps_per_epoch if steps is None else steps
    warm = min(20, trainer.steps_per_epoch)
    trainer.train(trainer.steps_per_epoch, trainer.steps_per_epoch + warm, None)

    def work() -> float:
        trainer.train(0, count, None)
        return count / trainer.steps_per_epoch

    return work
