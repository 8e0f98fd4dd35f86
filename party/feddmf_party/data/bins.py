"""Numbers of a user table as bins: which edges there may be, and what the bins are called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

__all__ = ["bin_names", "bins_of", "check_edges"]


def check_edges(column: str, edges: Sequence[float]) -> None:
    """Raise ValueError, naming `column`, unless `edges` are one or more finite, ascending numbers."""
    if not edges:
        raise ValueError(f"bins.{column} has no edge")
    if not np.isfinite(edges).all():
        raise ValueError(f"bins.{column} has an edge that is no finite number")
    for lower, upper in pairwise(edges):
        if lower >= upper:
            raise ValueError(f"bins.{column} does not ascend: {_shown(upper)} comes after {_shown(lower)}")


def bin_names(edges: Sequence[float]) -> tuple[str, ...]:
    """Return the names of the bins, one more than `edges`: ..25, 25..40, 40.. for 25 and 40.

    A bin holds its lower edge and not its upper one; the first has no lower and the last no upper end.
    """
    shown = [_shown(edge) for edge in edges]
    return (f"..{shown[0]}", *(f"{lower}..{upper}" for lower, upper in pairwise(shown)), f"{shown[-1]}..")


def bins_of(values: npt.NDArray[np.float64], edges: Sequence[float]) -> npt.NDArray[np.intp]:
    """Return the place of each value's bin among `bin_names`, [rows]; -1 for a NaN, which is no value."""
    places = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right")
    return np.where(np.isnan(values), -1, places)


def _shown(edge: float) -> str:
    return repr(float(edge)).removesuffix(".0")
