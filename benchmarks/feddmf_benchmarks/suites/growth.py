"""How the cost of an epoch grows: one large party, with more and more pairs, and with more of everything."""

from __future__ import annotations

from feddmf_benchmarks.large_party import Growth, large_rows
from feddmf_benchmarks.row import Row, Scale

__all__ = ["rows"]

_GROWTH = {
    Scale.SMALL: Growth(20_000, 2_000, (4, 12, 40), steps=20, turns=3),
    Scale.USUAL: Growth(1_000_000, 100_000, (10, 30, 100), steps=200),
    Scale.FULL: Growth(1_000_000, 100_000, (10, 30, 100), steps=1_000, whole=True),
}


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return large_rows(_GROWTH[scale])
