"""Rows as Markdown tables: grouped, averaged over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from feddmf_party.reproduce.experiment import Rows

__all__ = ["Spread", "markdown", "spread", "where"]


class Spread(tuple[float, float]):
    """Mean and (sample) standard deviation over seeds; prints as `.123 ± .004`."""

    __slots__ = ()

    @property
    def mean(self) -> float:
        """The mean; nan of nothing."""
        return self[0]

    def __str__(self) -> str:
        if math.isnan(self[0]):
            return "-"
        return f"{self[0]:.3f}" if math.isnan(self[1]) else f"{self[0]:.3f} ± {self[1]:.3f}"


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation; the deviation of one value is nan."""
    if not values:
        return Spread((math.nan, math.nan))
    return Spread((statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan))


def where(rows: Rows, **fixed: str) -> Rows:
    """Return the rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in fixed.items())]


def markdown(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; the first column is left-aligned, the others right-aligned."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *[[str(cell) for cell in row] for row in body]]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
