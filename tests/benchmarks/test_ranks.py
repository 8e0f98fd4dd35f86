"""The rows of torchrun: all are there, and all trained."""

from __future__ import annotations

from feddmf_benchmarks.suites.history_rows import Size
from feddmf_benchmarks.suites.ranks import rows_of


def test_every_row_is_there() -> None:
    """Two ranks are held against one, and against two that have nothing to tell each other."""
    found = rows_of(Size(12, 70, 150, steps=4, batch=6, dim=4), turns=1)
    assert [row.name for row in found] == [
        "history torchrun, 2 ranks, 70 items, batch 6, dim 4",
        "history, 2 processes apart, 70 items, batch 6, dim 4",
        "history torchrun, 1 rank, 70 items, batch 6, dim 4",
    ]
    assert [row.ratio is None for row in found] == [False, False, True]
    assert found[0].share_of_limit == found[0].value / found[1].value
    assert all(row.value > 0 for row in found)
