"""Rows of comma-separated text that need no unquoting: where their cells lie, and whole numbers in them.

The format is that of RFC 4180. What these kernels do not understand they leave to a reader that does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled_in_order
from feddmf.kernels.words import first_of, small_bytes, word_at

__all__ = ["cells_of_rows", "copy_cells", "whole_numbers"]

_COMMA, _LINE, _RETURN, _QUOTE, _MINUS, _ZERO, _NINE = 44, 10, 13, 34, 45, 48, 57
_WORD = 8
_DIGITS = 18  # of which any number fits int64

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]


@compiled_in_order
def cells_of_rows(  # noqa: C901, PLR0912  (one pass over the bytes)
    text: Bytes, size: int, slots: npt.NDArray[np.int64], starts: Places, ends: Places
) -> tuple[int, int, bool]:
    """Find the cells of the rows in `size` bytes of `text`, which end at the end of a row or within one.

    text: with BEYOND bytes more. slots: by column of the file, the row of `starts` and `ends` [chosen
    columns, most rows] for it, or -1.
    Returns the number of rows, where in `text` the next one begins, and whether that one is whole and odd: a
    chosen cell is empty or has a quote in it, there are too many or too few cells, or a lone carriage return.
    """
    at = row = 0
    last = len(slots) - 1
    while row < starts.shape[1]:
        begin = at
        if at < size and text[at] == _LINE:  # an empty line is no row
            at += 1
            continue
        for column in range(last + 1):
            slot = slots[column]
            quoted = at < size and text[at] == _QUOTE
            if quoted:
                first = at = at + 1
                while at < size and text[at] != _QUOTE:
                    if slot >= 0 and text[at] <= _RETURN:
                        return row, begin, True
                    at += 1
                end = at
                at += 1
            else:
                first = at
                while at < size:
                    small = small_bytes(word_at(text, at))
                    if not small:
                        at += _WORD
                        continue
                    at += first_of(small)
                    stop = text[at]
                    if stop == _COMMA or stop == _LINE or stop == _RETURN or stop == _QUOTE:  # noqa: PLR1714, SIM109
                        break
                    at += 1
                end = at
            if at >= size:
                return row, begin, False
            stop = text[at]
            if stop == _RETURN and column == last:
                if at + 1 >= size:
                    return row, begin, False
                at += 1
                stop = text[at]
            if stop != (_LINE if column == last else _COMMA):
                return row, begin, True
            at += 1
            if slot >= 0:
                if first == end:
                    return row, begin, True
                starts[slot, row] = first
                ends[slot, row] = end
        row += 1
    return row, at, False


@compiled_in_order
def whole_numbers(text: Bytes, starts: Places, ends: Places, numbers: npt.NDArray[np.int64]) -> bool:
    """Read each cell into `numbers`; False where one is no whole number written as numbers are."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        negative = text[at] == _MINUS
        if negative:
            at += 1
        if end - at > _DIGITS or end == at or (text[at] == _ZERO and (end - at > 1 or negative)):
            return False
        number = 0
        while at < end:
            digit = text[at]
            if digit < _ZERO or digit > _NINE:
                return False
            number = number * 10 + int(digit - _ZERO)
            at += 1
        numbers[row] = -number if negative else number
    return True


@compiled_in_order
def copy_cells(text: Bytes, starts: Places, ends: Places, offsets: npt.NDArray[np.int64], out: Bytes) -> None:
    """Copy the cells behind each other; offsets [rows + 1]: where each begins in `out`."""
    at = 0
    for row in range(len(starts)):
        offsets[row] = at
        for place in range(starts[row], ends[row]):
            out[at] = text[place]
            at += 1
    offsets[len(starts)] = at
