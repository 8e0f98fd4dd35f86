"""A table of interactions as compressed sparse rows, the way it is usually done with pandas and SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix

__all__ = ["load_by_dropping", "load_by_summing"]

Codes = npt.NDArray[np.intp]


def load_by_dropping(
    path: Path, columns: tuple[str, str], items: Sequence[object]
) -> tuple[csr_matrix, pd.Index]:
    """Return the pairs and the user ids, with duplicates dropped by pandas before the rows are made."""
    users, item_codes, ids = _codes(path, columns, items)
    pairs = pd.DataFrame({"user": users, "item": item_codes}).drop_duplicates()
    return _rows(pairs["user"].to_numpy(), pairs["item"].to_numpy(), (len(ids), len(items))), ids


def load_by_summing(
    path: Path, columns: tuple[str, str], items: Sequence[object]
) -> tuple[csr_matrix, pd.Index]:
    """Return the pairs and the user ids, with duplicates merged by SciPy when the rows are made."""
    users, item_codes, ids = _codes(path, columns, items)
    return _rows(users, item_codes, (len(ids), len(items))), ids


def _codes(path: Path, columns: tuple[str, str], items: Sequence[object]) -> tuple[Codes, Codes, pd.Index]:
    table = pd.read_csv(path, usecols=list(columns), engine="c")
    user, item = columns
    users, ids = pd.factorize(table[user], sort=True)
    item_codes = pd.Index(items).get_indexer(table[item])
    if (item_codes < 0).any():
        raise ValueError("an item that is not listed")
    return users, item_codes, ids


def _rows(users: Codes, items: Codes, shape: tuple[int, int]) -> csr_matrix:
    rows = coo_matrix((np.ones(len(users), dtype=np.float32), (users, items)), shape=shape).tocsr()
    rows.sum_duplicates()
    rows.data[:] = 1.0
    return rows
