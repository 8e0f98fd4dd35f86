"""Scores of one attribute over all users, and the best users of many, for both kinds of model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.finished_runs import (
    Made,
    Size,
    kept,
    made_history,
    made_tower,
    predictor_of,
    unasked,
)
from feddmf_benchmarks.limits import copy_bytes_per_s, gemm_flops_per_s
from feddmf_benchmarks.row import Row, Scale
from feddmf_party.answering import Backing
from feddmf_party.bulk import best_users
from feddmf_party.bulk_table import write_ranked
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import RunFolder
from feddmf_party.trust import UNMEASURED, Trust

__all__ = ["Sizes", "rows", "rows_of"]

_FLOAT = 4
_HIDDEN = 64
# Multiplications and additions of a head a cell: five networks of 5, 16, 16 and 1.
_HEAD_FLOPS = 2 * 5 * (5 + 5 * 16 + 16 * 16 + 16)


@dataclass(frozen=True)
class Sizes:
    """What is measured: one attribute, and the best `top` users of many, with either model."""

    tower_one: Size
    history_one: Size
    tower_many: Size
    history_many: Size
    top: int


_SIZES = {
    Scale.SMALL: Sizes(
        Size(600_000, 1), Size(300_000, 1, 5_000, 20), Size(20_000, 100), Size(20_000, 50, 5_000, 20), 100
    ),
    Scale.USUAL: Sizes(
        Size(1_000_000, 1),
        Size(200_000, 1, 20_000, 100),
        Size(100_000, 200),
        Size(20_000, 100, 20_000, 100),
        1_000,
    ),
    Scale.FULL: Sizes(
        Size(1_000_000, 1),
        Size(1_000_000, 1, 20_000, 100),
        Size(100_000, 1_000),
        Size(100_000, 1_000, 20_000, 100),
        1_000,
    ),
}

# How far answers hold is not what is measured here.
_UNMEASURED = Trust("generated", "peer", UNMEASURED, ())


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_SIZES[scale])


def rows_of(sizes: Sizes, *, turns: int = 5) -> list[Row]:
    """Measure scoring at `sizes`."""
    copied, multiplied = copy_bytes_per_s(), gemm_flops_per_s()
    # A user's projection is read once; its history and two vectors are; a cell's products are made once.
    one = sizes.history_one
    limits = {
        sizes.tower_one: copied / (_HIDDEN * _FLOAT),
        one: copied / (_FLOAT * (one.per_user + 2 * _HIDDEN)),
        sizes.tower_many: multiplied / (2 * _HIDDEN),
        sizes.history_many: multiplied / _HEAD_FLOPS,
    }
    found = []
    for size, make in ((sizes.tower_one, made_tower), (one, made_history)):
        found += compare(
            (
                Contender(f"one attribute, first query, {_kind(make)}, {size}", partial(_first, make, size)),
                Contender(f"one attribute, asked again, {_kind(make)}, {size}", partial(_again, make, size)),
                Contender(f"torch as usual, {_kind(make)}, {size}", partial(_one_naive, make, size)),
            ),
            unit="users/s",
            limit=limits[size],
            rounds=turns,
        )
    for size, make in ((sizes.tower_many, made_tower), (sizes.history_many, made_history)):
        what = f"{_kind(make)}, {size}, top {sizes.top:,}"
        found += compare(
            (
                Contender(f"bulk to Parquet, {what}", partial(_many, make, size, sizes.top)),
                Contender(f"torch an attribute, {what}", partial(_many_naive, make, size, sizes.top)),
            ),
            unit="cells/s",
            limit=limits[size],
            rounds=turns,
        )
    return found


def _kind(make: Callable[[Size], Made]) -> str:
    return "vector a user" if make is made_tower else "history"


def _first(make: Callable[[Size], Made], size: Size) -> Work:
    """Return the work of a query by a predictor that was never asked, and has kept nothing."""
    folder = TemporaryDirectory()
    run = kept(make(size), Path(folder.name))
    work = partial(_anew, Predictor(run), run, folder)
    work()
    return work


def _anew(loaded: Predictor, run: RunFolder, _folder: TemporaryDirectory[str]) -> float:
    """Ask for the first time; the folder of the run stays as long as somebody can."""
    return _asked(unasked(loaded, run))


def _again(make: Callable[[Size], Made], size: Size) -> Work:
    """Return the work of a query by a predictor that was asked before."""
    predictor = predictor_of(make(size))

    def work() -> float:
        return _asked(predictor)

    work()
    return work


def _asked(predictor: Predictor) -> float:
    (attribute,) = predictor.attributes()
    return float(sum(len(block.probabilities) for block in predictor.predict([attribute])))


def _one_naive(make: Callable[[Size], Made], size: Size) -> Work:
    # The processes of the other contenders are held to little memory, and must not load torch.
    from feddmf_benchmarks.baselines.naive_scoring import ConcatTower, HistoryModel

    model = ConcatTower(make(size)) if make is made_tower else HistoryModel(make(size))

    def work() -> float:
        return float(len(model.scores(0)))

    work()
    return work


def _many(make: Callable[[Size], Made], size: Size, top: int) -> Work:
    predictor = predictor_of(make(size))
    attributes = predictor.attributes()
    backings = [Backing(attribute, (_UNMEASURED,), (1.0,)) for attribute in attributes]
    metadata = {"feddmf.score_kind": predictor.score_kind}

    def work() -> float:
        with TemporaryDirectory() as folder:
            ranked = best_users(predictor, attributes, top, lambda _cells: None)
            place, ids = Path(folder) / "best.parquet", predictor.user_ids
            write_ranked(place, ranked, ids, backings, metadata=metadata)
        return float(size.users * size.attributes)

    _warm_up(make)
    return work


def _warm_up(make: Callable[[Size], Made]) -> None:
    """Have kernels compiled, on little."""
    predictor = predictor_of(make(Size(1 << 14, 64, 100, 2)))
    list(best_users(predictor, predictor.attributes(), 10, lambda _cells: None))


def _many_naive(make: Callable[[Size], Made], size: Size, top: int) -> Work:
    from feddmf_benchmarks.baselines.naive_scoring import HistoryModel, SplitTower, top_users

    model = SplitTower(make(size)) if make is made_tower else HistoryModel(make(size))
    kept = np.empty((size.attributes, min(top, size.users)), dtype=np.float32)

    def work() -> float:
        for place, (scores, _) in enumerate(top_users(model, size.attributes, kept.shape[1])):
            kept[place] = scores.numpy()
        return float(size.users * size.attributes)

    return work
