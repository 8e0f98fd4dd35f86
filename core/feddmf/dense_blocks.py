"""Chosen columns of a sparse table made dense, a block of users at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions

__all__ = ["dense_blocks"]

# Cells that are made dense at once: 32 MiB.
_BLOCK_CELLS = 1 << 22


def dense_blocks(
    data: Interactions, *columns: npt.NDArray[np.int64]
) -> Iterator[tuple[int, tuple[npt.NDArray[np.float64], ...]]]:
    """Yield the first user of each block, and who of it has which of each list of item codes, 0 or 1."""
    places = []
    for codes in columns:
        place = np.full(data.items, -1, dtype=np.int64)
        place[codes] = np.arange(len(codes))
        places.append(place)
    step = max(1, _BLOCK_CELLS // max(1, *(len(codes) for codes in columns)))
    for first in range(0, data.users, step):
        last = min(first + step, data.users)
        pairs = slice(data.indptr[first], data.indptr[last])
        rows = np.repeat(np.arange(last - first), np.diff(data.indptr[first : last + 1]))
        blocks = []
        for codes, place in zip(columns, places, strict=True):
            found = place[data.indices[pairs]]
            block = np.zeros((last - first, len(codes)))
            block[rows[found >= 0], found[found >= 0]] = 1.0
            blocks.append(block)
        yield first, tuple(blocks)
