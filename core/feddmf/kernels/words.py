"""Eight bytes of a text at a time, as one number whose lowest byte comes first.

What tells bytes apart within a number is of Warren, Hacker's Delight, chapter 6 ("Searching words"). No
helper here has a loop over an array: such a call would count references to the array each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from feddmf.kernels.compiling import inlined_in_order

__all__ = ["BEYOND", "SMALLEST_LETTER", "first_of", "part_at", "small_bytes", "word_at"]

BEYOND = 8
"""Bytes that a text has beyond its end, whatever they are, so that it can be read word by word."""

SMALLEST_LETTER = 45
"""What is below this, in ASCII, are some signs, space, and controls: all that has a meaning in a CSV."""

_EACH, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_SMALLEST = _EACH * np.uint64(SMALLEST_LETTER)
# Times one bit, at the bottom of a byte, its top byte is that byte's place.
_PLACES = np.uint64(0x0001020304050607)


@inlined_in_order
def word_at(text: Any, at: Any) -> Any:
    """Return the eight bytes from `at` on, as a uint64."""
    # What the compiler makes one load of, wherever it lies; places below zero would need another.
    first, word = np.uint64(at), np.uint64(0)
    for place in range(8):
        word |= np.uint64(text[first + np.uint64(place)]) << np.uint64(8 * place)
    return word


@inlined_in_order
def part_at(text: Any, at: Any, size: Any) -> Any:
    """Return the `size` bytes from `at` on, fewer than eight, as a uint64."""
    return word_at(text, at) & ((np.uint64(1) << np.uint64(8 * size)) - np.uint64(1))


@inlined_in_order
def small_bytes(word: Any) -> Any:
    """Return a uint64 with the top bit of the first byte that is below SMALLEST_LETTER; 0 where none is.

    Bits of bytes after the first one say nothing.
    """
    return (word - _SMALLEST) & ~word & _TOPS


@inlined_in_order
def first_of(tops: Any) -> Any:
    """Return the place of the first byte whose top bit is set in a uint64, 0 to 7."""
    lowest = (tops & (np.uint64(0) - tops)) >> np.uint64(7)
    return np.int64((lowest * _PLACES) >> np.uint64(56))
