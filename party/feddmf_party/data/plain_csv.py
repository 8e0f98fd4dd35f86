"""Large CSV files in their plain form, read by compiled kernels; from the first odd row on by pyarrow.

Plain are cells that are as they are written, or in quotes with none within, and no empty one among those
that are read.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf.kernels.delimited import cells_of_rows, copy_cells, whole_numbers
from feddmf_party.data.arrow import ArrowError, pa
from feddmf_party.data.rest import Rest

__all__ = ["plain_records"]

_SHORTEST_CELL = 2  # with the comma behind it

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]


def plain_records(
    path: Path, names: Sequence[str], columns: Sequence[str], block_bytes: int
) -> Generator[Any, None, Rest | None]:
    """Yield the `columns` of a CSV with header `names` as record batches; return what is left to others.

    A column is int64 where all its cells in a block are whole numbers written as numbers are, so that their
    digits are the cells again, else text. Raises OSError, and DataError for text that is not UTF-8.
    """
    slots = np.array([columns.index(name) if name in columns else -1 for name in names], dtype=np.int64)
    block = np.empty(block_bytes, dtype=np.uint8)
    most = block_bytes // (_SHORTEST_CELL * len(names)) + 1
    starts, ends = (np.empty((len(columns), most), dtype=np.int32) for _ in range(2))
    # The header is a row of which no cell is wanted.
    header, none = np.full(len(names), -1, dtype=np.int64), np.empty((0, 1), dtype=np.int32)
    offset, held, rows = 0, 0, -1
    with path.open("rb", buffering=0) as file:
        while True:
            got = file.readinto(block[held:].data)
            size = held + (got or 0)
            if not size:
                return None
            if not got and block[size - 1] != ord("\n") and size < block_bytes:
                block[size] = ord("\n")  # the last row may have no end
                size += 1
            text = block[:size]
            if rows < 0:
                count, used, odd = cells_of_rows(text, header, none, none)
                if odd or not count or _marked(text):
                    return Rest(0, 0)
                rows = 0
            else:
                count, used, odd = cells_of_rows(text, slots, starts, ends)
                if count:
                    where = (starts[:, :count], ends[:, :count])
                    yield _record(text[:used], columns, where, path=path, rows=rows)
                rows += count
            offset += used
            held = size - used
            if odd or (not used and (held == block_bytes or not got)):
                return Rest(offset, rows)
            block[:held] = text[used:].copy()


def _record(
    text: Bytes, columns: Sequence[str], where: tuple[Places, Places], *, path: Path, rows: int
) -> Any:
    """Return the cells `where` they are in `text` as a record batch; `rows` of the file come before them."""
    arrays = []
    for column, own, end in zip(columns, *where, strict=True):
        numbers = np.empty(len(own), dtype=np.int64)
        if whole_numbers(text, own, end, numbers):
            array = pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
        else:
            array = _texts(text, own, end)
            wrong = _first_not_utf8(array)
            if wrong is not None:
                raise DataError(
                    f"{path}: row {rows + wrong + 1}: column {column!r}: the text is not UTF-8",
                    hint="save the file with its text in UTF-8",
                )
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _texts(text: Bytes, starts: Places, ends: Places) -> Any:
    offsets = np.empty(len(starts) + 1, dtype=np.int64)
    out = np.empty(int((ends - starts).sum(dtype=np.int64)), dtype=np.uint8)
    copy_cells(text, starts, ends, offsets, out)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.large_binary(), len(starts), buffers).view(pa.large_string())


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
