"""Distinct texts and a number for each, found again by their bytes.

A hash table with open addressing and linear probing: Knuth, The Art of Computer Programming, volume 3,
section 6.4, algorithm L. A slot holds half of a hash, which also says where the text belongs, and the text's
number plus one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled_in_order
from feddmf.kernels.counters import mix64
from feddmf.kernels.words import part_at, word_at

__all__ = ["number_texts", "widen_slots"]

_NONE, _HALF, _LOW = np.uint64(0), np.uint64(32), np.uint64(0xFFFFFFFF)
_WORD = 8

Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]
Ends = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Slots = npt.NDArray[np.uint64]


@compiled_in_order
def number_texts(  # noqa: C901, PLR0912, PLR0917  (one loop, and called by position)
    text: Bytes,
    starts: Places,
    ends: Places,
    codes: Codes,
    slots: Slots,
    bounds: Ends,
    known: Bytes,
    first: int,
    count: int,
    room: int,
) -> tuple[int, int]:
    """Write to `codes` [rows], from row `first` on, the number of each cell's text among those known.

    text, known: with BEYOND bytes more. known: `count` texts, one behind the other; bounds: where each begins
    and the last one ends. slots: a power of two, at least twice as many as texts. A text that is not known is
    added while there are fewer than `room`. With no room at all its number is -1; else the first row that
    needs more room, here or in `known`, ends the work. Returns that row, or the number of rows, and `count`.
    """
    mask, most = np.uint64(len(slots) - 1), len(known) - _WORD
    for row in range(first, len(starts)):
        start, size = np.int64(starts[row]), np.int64(ends[row] - starts[row])
        whole = size - size % _WORD
        if row > first and ends[row - 1] - starts[row - 1] == size:
            # Tables often have a user's rows one after the other.
            last = np.int64(starts[row - 1])
            at = 0
            while at < whole and word_at(text, start + at) == word_at(text, last + at):
                at += _WORD
            if at == whole and part_at(text, start + at, size - at) == part_at(text, last + at, size - at):
                codes[row] = codes[row - 1]
                continue
        hashed = np.uint64(size)
        at = 0
        while at < whole:
            hashed = mix64(hashed ^ word_at(text, start + at))
            at += _WORD
        hashed = mix64(hashed ^ part_at(text, start + at, size - at)) & ~_LOW
        code = np.int64(-1)
        place = (hashed >> _HALF) & mask
        while slots[place] != _NONE:
            if (slots[place] ^ hashed) <= _LOW:
                code = np.int64(slots[place] & _LOW) - 1
                begin = bounds[code]
                if bounds[code + 1] - begin == size:
                    at = 0
                    while at < whole and word_at(text, start + at) == word_at(known, begin + at):
                        at += _WORD
                    own = part_at(text, start + at, size - at)
                    if at == whole and own == part_at(known, begin + at, size - at):
                        break
                code = np.int64(-1)
            place = (place + np.uint64(1)) & mask
        if code < 0 and room > 0:
            begin = bounds[count]
            if count == room or begin + size > most:
                return row, count
            for at in range(size):
                known[begin + at] = text[start + at]
            code = np.int64(count)
            count += 1
            bounds[count] = begin + size
            slots[place] = hashed | np.uint64(count)
        codes[row] = code
    return len(starts), count


@compiled_in_order
def widen_slots(slots: Slots, wider: Slots) -> None:
    """Place what is in `slots` in `wider`, which is empty and has a larger power of two of them."""
    mask = np.uint64(len(wider) - 1)
    for slot in slots:
        if slot != _NONE:
            at = (slot >> _HALF) & mask
            while wider[at] != _NONE:
                at = (at + np.uint64(1)) & mask
            wider[at] = slot
