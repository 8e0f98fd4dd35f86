"""The coordinator's alignment: against pairwise autograd, and against copying the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from feddmf.alignment import align, alignment_gradient
from feddmf.blocks import row_blocks
from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.limits import copy_bytes_per_s
from feddmf_benchmarks.row import Row, Scale

__all__ = ["Size", "gradients", "made_up", "rows", "rows_of"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

_BETA = 10.0
_HINGE = 0.2


@dataclass(frozen=True)
class Size:
    """parties, each with all items; dim: length of a vector."""

    parties: int
    items: int
    dim: int = 32

    def __str__(self) -> str:
        return f"{self.parties} x {self.items:,} x {self.dim}"


_MANY = {
    Scale.SMALL: Size(16, 4_000),
    Scale.USUAL: Size(16, 100_000),
    Scale.FULL: Size(16, 100_000),
}
_LARGE = {
    Scale.SMALL: Size(2, 200_000),
    Scale.USUAL: Size(2, 1_000_000),
    Scale.FULL: Size(2, 1_000_000),
}


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_MANY[scale], _LARGE[scale])


def rows_of(many: Size, large: Size, *, turns: int = 5) -> list[Row]:
    """Measure `many` parties without and with a hinge, and two with a `large` table.

    Targets are all that the coordinator computes; the gradients are then each party's own work.
    """
    found = []
    for margin in (0.0, _HINGE):
        contenders = [
            Contender(f"targets by sums, {many}, m {margin:g}", partial(_targets, many, margin)),
            Contender(f"targets and gradients, {many}, m {margin:g}", partial(_gradients, many, margin)),
            Contender(f"pairwise autograd, {many}, m {margin:g}", partial(_autograd, many, margin)),
        ]
        found += compare(contenders, unit="s", per_second=False, rounds=turns)
    limit = large.parties * large.items * large.dim * 4 / copy_bytes_per_s()
    contenders = [
        Contender(f"targets, {large}", partial(_targets, large, 0.0)),
        Contender(f"numpy.copyto, {large}", partial(_copy, large)),
    ]
    return found + compare(contenders, unit="s", limit=limit, per_second=False, rounds=turns)


def made_up(size: Size) -> tuple[dict[str, Floats], dict[str, Codes]]:
    """Return vectors around a common one for each item, and the item of each row."""
    random = np.random.default_rng(0)
    common = random.standard_normal((size.items, size.dim), dtype=np.float32)
    names = [f"party{number:02}" for number in range(size.parties)]
    vectors = {name: common + random.standard_normal(common.shape, dtype=np.float32) for name in names}
    return vectors, dict.fromkeys(names, np.arange(size.items))


def gradients(
    vectors: Mapping[str, Floats], rows: Mapping[str, Codes], n_items: int, margin: float
) -> dict[str, Floats]:
    """Return the gradient of eq. 4 in every party's vectors: the coordinator's work and the parties'."""
    measured = align(vectors, rows, n_items, margin)
    owners = np.bincount(np.concatenate(list(rows.values())), minlength=n_items)
    found = {party: np.empty_like(own) for party, own in vectors.items()}
    for party, own in vectors.items():
        for block in row_blocks(*own.shape):
            found[party][block] = alignment_gradient(
                own[block],
                measured.targets[party][block],
                single_peer=owners[rows[party][block]] == 2,  # noqa: PLR2004  (a pair)
                margin=margin,
                scale=_BETA / max(measured.pairs, 1),
            )
    return found


def _gradients(size: Size, margin: float) -> Work:
    vectors, rows = made_up(size)

    def work() -> float:
        gradients(vectors, rows, size.items, margin)
        return 1.0

    return work


def _autograd(size: Size, margin: float) -> Work:
    import torch

    from feddmf_benchmarks.baselines.pairwise_autograd import (
        pairwise_gradients,
        shared_rows,
    )

    torch.set_num_threads(1)
    vectors, rows = made_up(size)
    shared = shared_rows(rows)

    def work() -> float:
        pairwise_gradients(vectors, shared, beta=_BETA, margin=margin)
        return 1.0

    return work


def _targets(size: Size, margin: float) -> Work:
    vectors, rows = made_up(size)

    def work() -> float:
        align(vectors, rows, size.items, margin)
        return 1.0

    return work


def _copy(size: Size) -> Work:
    vectors, _ = made_up(size)
    copies = {party: np.empty_like(own) for party, own in vectors.items()}

    def work() -> float:
        for party, own in vectors.items():
            np.copyto(copies[party], own)
        return 1.0

    return work
