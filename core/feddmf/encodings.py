"""How rows of float32 travel: whole, as float16, or as int8 with a scale a row; pure.

Rounding to what an encoding can say is done once, before anything is checked, recorded or sent, and is
idempotent: rounded rows are encoded and decoded without changing a bit.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.blocks import row_blocks
from feddmf.errors import PayloadError

__all__ = ["Encoding", "decoded", "encoded", "is_rounded", "rounded", "travelling"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_MOST_CODE = 127
# A scale keeps 17 bits of its mantissa, so that its product with a code of 7 bits is exact in float32.
_DROPPED = np.uint32(0x7F)
# Rows this short are zero: their scales would leave the normal numbers of float32.
_NOTHING = np.float32(2.0**-100)


class Encoding(enum.StrEnum):
    """How an array's rows travel. float32: as its dtype says, whichever that is."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


def travelling(encoding: Encoding, dtype: np.dtype[Any], rows: int, columns: int) -> list[Array]:
    """Return empty arrays of what travels of an array [rows, columns] of `dtype`, in order."""
    if encoding is Encoding.FLOAT16:
        return [np.empty((rows, columns), dtype="<f2")]
    if encoding is Encoding.INT8:
        return [np.empty((rows, 1), dtype="<f4"), np.empty((rows, columns), dtype="i1")]
    return [np.empty((rows, columns), dtype=dtype)]


def encoded(array: Array, encoding: Encoding) -> Iterator[Array]:
    """Yield what travels of `array`, [rows, columns], block by block; it holds what `rounded` returned."""
    if encoding is Encoding.FLOAT32:
        yield array
        return
    scales = np.ones((len(array), 1), dtype=np.float32)
    if encoding is Encoding.INT8:
        scales = _scales(array)
        yield scales.astype("<f4")
    for rows in row_blocks(len(array), array.shape[1]):
        if encoding is Encoding.FLOAT16:
            yield array[rows].astype("<f2")
        else:
            yield _codes(array[rows], scales[rows]).astype("i1")


def decoded(parts: list[Array], encoding: Encoding) -> Array:
    """Return the array of which `parts` have travelled, [rows, columns]."""
    if encoding is Encoding.FLOAT32:
        return parts[0]
    whole: Array = np.empty(parts[-1].shape, dtype="<f4")
    for rows in row_blocks(len(whole), whole.shape[1]):
        whole[rows] = parts[-1][rows]
        if encoding is Encoding.INT8:
            # A peer that sends absurd scales gets the check of the array's bounds, not a warning.
            with np.errstate(over="ignore", invalid="ignore"):
                whole[rows] *= parts[0][rows]
    return whole


def rounded(array: Array, encoding: Encoding, name: str) -> Array:
    """Return what of `array`, float32 [rows, columns], arrives under `encoding`.

    Rows that are not finite stay so. Raises PayloadError, naming `name` and the row, past what float16 holds.
    """
    if encoding is Encoding.FLOAT32:
        return array
    made = np.empty(array.shape, dtype="<f4")
    for rows in row_blocks(len(array), array.shape[1]):
        made[rows] = _rounded(array[rows], encoding)
        if encoding is Encoding.FLOAT16:
            over = np.flatnonzero((np.isinf(made[rows]) & np.isfinite(array[rows])).any(axis=1))
            if over.size:
                row = rows.start + int(over[0])
                raise PayloadError(
                    f"array {name} row {row} has {np.abs(array[row]).max():.3g}, and float16 ends at 65504",
                    hint='set alignment.encoding = "float32" in the run file',
                )
    return made


def is_rounded(array: Array, encoding: Encoding) -> bool:
    """Tell whether `array`, float32 [rows, columns], travels under `encoding` without changing a bit."""
    if encoding is Encoding.FLOAT32:
        return True
    return all(
        np.array_equal(_rounded(array[rows], encoding).view("<u4"), array[rows].view("<u4"))
        for rows in row_blocks(len(array), array.shape[1])
    )


def _rounded(block: Array, encoding: Encoding) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        if encoding is Encoding.FLOAT16:
            return block.astype("<f2").astype("<f4")
        scales = _scales(block)
        # The sum turns minus zero, which no code stands for, into zero.
        return (_codes(block, scales) * scales + np.float32(0)).astype("<f4")


def _codes(block: Array, scales: Floats) -> Array:
    """Return int8 codes, still as float32."""
    return np.rint(block / np.where(scales == 0, np.float32(1), scales))


def _scales(array: Array) -> Floats:
    """Return the scale of each row, [rows, 1]: a 127th of its largest number, slightly rounded up."""
    scales = np.zeros((len(array), 1), dtype=np.float32)
    if not array.shape[1]:
        return scales
    for rows in row_blocks(len(array), array.shape[1]):
        largest = np.maximum(array[rows].max(axis=1), -array[rows].min(axis=1)).astype(np.float32)
        bits = (largest / np.float32(_MOST_CODE)).view(np.uint32)
        kept = ((bits + _DROPPED) & ~_DROPPED).view(np.float32)
        scales[rows, 0] = np.where(largest < _NOTHING, np.float32(0), kept)
    return scales
