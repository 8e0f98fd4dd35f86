"""Large CSV files in their plain form, read by compiled kernels; from the first odd row on by pyarrow.

Plain are cells that are as they are written, or in quotes with none within, and no empty one among those
that are read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feddmf.errors import DataError
from feddmf.kernels.delimited import cells_of_rows, whole_numbers
from feddmf.kernels.words import BEYOND
from feddmf_party.data.arrow import ArrowError, pa
from feddmf_party.data.plain_cells import Bytes, PlainCells
from feddmf_party.data.rest import Rest

__all__ = ["PlainRows", "plain_rows"]

_SHORTEST_CELL = 2  # with the comma behind it

_ASCII = 128


@dataclass(frozen=True, eq=False)
class PlainRows:
    """Consecutive rows, as a record batch gives them: by column a pyarrow array of int64, or texts."""

    num_rows: int
    columns: Mapping[str, Any | PlainCells]

    def column(self, name: str) -> Any | PlainCells:
        """Return the column called `name`."""
        return self.columns[name]


def plain_rows(
    path: Path,
    names: Sequence[str],
    columns: Sequence[str],
    block_bytes: int,
    at: Callable[[int], object] = lambda _: None,
) -> Generator[PlainRows, None, Rest | None]:
    """Yield the `columns` of a CSV with header `names` block by block; return what is left to others.

    A column is int64 where all its cells in a block are whole numbers written as numbers are, so that their
    digits are the cells again, else text. at: hears how many bytes have been read. Raises OSError, and
    DataError for text that is not UTF-8.
    """
    slots = np.array([columns.index(name) if name in columns else -1 for name in names], dtype=np.int64)
    block = np.empty(block_bytes + BEYOND, dtype=np.uint8)
    most = block_bytes // (_SHORTEST_CELL * len(names)) + 1
    starts, ends = (np.empty((len(columns), most), dtype=np.int32) for _ in range(2))
    # The header is a row of which no cell is wanted.
    header, none = np.full(len(names), -1, dtype=np.int64), np.empty((0, 1), dtype=np.int32)
    offset, held, rows = 0, 0, -1
    with path.open("rb", buffering=0) as file:
        while True:
            got = file.readinto(block[held:block_bytes].data)
            size = held + (got or 0)
            if not size:
                return None
            if not got and block[size - 1] != ord("\n") and size < block_bytes:
                block[size] = ord("\n")  # the last row may have no end
                size += 1
            if rows < 0:
                count, used, odd = cells_of_rows(block, size, header, none, none)
                if odd or not count or _marked(block):
                    return Rest(0, 0)
                rows = 0
            else:
                count, used, odd = cells_of_rows(block, size, slots, starts, ends)
                if count:
                    cells = [
                        PlainCells(block, *places)
                        for places in zip(starts[:, :count].copy(), ends[:, :count].copy(), strict=True)
                    ]
                    has_more = bool(block[:used].max() >= _ASCII)
                    yield _rows(dict(zip(columns, cells, strict=True)), path, rows, has_more=has_more)
                rows += count
            offset += used
            at(offset)
            held = size - used
            if odd or (not used and (held == block_bytes or not got)):
                return Rest(offset, rows)
            # Who was given cells of the last block may still look at them.
            block, last = np.empty(block_bytes + BEYOND, dtype=np.uint8), block
            block[:held] = last[used:size]


def _rows(cells: Mapping[str, PlainCells], path: Path, before: int, *, has_more: bool) -> PlainRows:
    """Return the cells as columns; `before` rows of the file come before them.

    has_more: whether there is more than ASCII in the block.
    """
    columns: dict[str, Any | PlainCells] = {}
    for name, own in cells.items():
        numbers = np.empty(len(own), dtype=np.int64)
        if whole_numbers(own.text, own.starts, own.ends, numbers):
            columns[name] = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
            continue
        wrong = _first_not_utf8(own.array()) if has_more else None
        if wrong is not None:
            raise DataError(
                f"{path}: row {before + wrong + 1}: column {name!r}: the text is not UTF-8",
                hint="save the file with its text in UTF-8",
            )
        columns[name] = own
    return PlainRows(min(map(len, columns.values())), columns)


def _first_not_utf8(texts: Any) -> int | None:
    """Return the place of the first text that is not UTF-8, by halving: all before `low` are."""
    low, high = 0, len(texts)
    if _is_utf8(texts):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_utf8(texts[low:middle]) else (low, middle)
    return low


def _is_utf8(texts: Any) -> bool:
    try:
        texts.validate(full=True)
    except ArrowError:
        return False
    return True


def _marked(text: Bytes) -> bool:
    """Tell whether a text begins with a byte order mark."""
    return text[:3].tobytes() == b"\xef\xbb\xbf"
