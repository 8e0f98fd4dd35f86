"""Tables of matched vectors as one list of rows, so that eq. 4 is measured over all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TABLES", "stacked", "stacked_rows", "unstacked"]

TABLES = ("contexts", "vectors")
"""The tables that are aligned, in the order in which they are stacked."""

Floats = npt.NDArray[Any]
Codes = npt.NDArray[np.int64]


def stacked(payload: Mapping[str, Floats], tables: Sequence[str], aligned: Codes) -> Floats:
    """Return the aligned rows of each table one below the other, [tables * aligned, dim]."""
    return np.concatenate([payload[name][: len(aligned)] for name in tables])


def stacked_rows(aligned: Codes, tables: Sequence[str], n_aligned: int) -> Codes:
    """Return for each stacked row its index in the list of all items, taken once a table."""
    return np.concatenate([aligned + place * n_aligned for place in range(len(tables))])


def unstacked(rows: Floats, tables: Sequence[str]) -> dict[str, Floats]:
    """Return each table's part of stacked `rows`."""
    return dict(zip(tables, np.split(rows, len(tables)), strict=True))
