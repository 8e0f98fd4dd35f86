"""Rows of a large array in blocks, so that what is computed of them need not stand in memory at once."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["row_blocks"]

# Numbers in a block: few enough for a processor's cache.
_NUMBERS = 1 << 17


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices that together take all of `rows` rows in order, some numbers at a time."""
    height = max(1, _NUMBERS // max(columns, 1))
    for start in range(0, rows, height):
        yield slice(start, min(start + height, rows))
