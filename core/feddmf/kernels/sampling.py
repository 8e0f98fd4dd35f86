"""Training samples by number: a keyed shuffle of an epoch, and what stands at a place of it.

The shuffle is a Feistel network over a rectangle of just more numbers than there are (Black and Rogaway 2002,
"Ciphers with arbitrary finite domains"), so nothing of an epoch's size is ever held.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled, inlined
from feddmf.kernels.counters import mix32, mix64, unit

__all__ = ["ROUNDS", "Batch", "Cells", "draw_numbers", "draw_places", "numbers_at"]

ROUNDS = 8
"""Keys of a shuffle, uint32 each."""

# Draws that hit an observed cell before an unobserved one is counted out instead.
_ATTEMPTS = 16


class Cells(NamedTuple):
    """The observed cells of a table in compressed rows, and the row of each.

    indptr: int64 [users + 1]; indices: int32 [pairs]; rows: int32 [pairs]; columns: number of items.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    columns: int


class Batch(NamedTuple):
    """Samples: users, items int64 [samples], and labels float32 [samples], 1 for an observed pair."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]


@inlined
def _number(place: Any, samples: Any, tall: Any, wide: Any, keys: Any) -> Any:
    """Return which sample stands at a place; all uint64 but the keys, tall * wide >= samples."""
    number = place
    while True:
        left, right = number // wide, number % wide
        for at in range(0, ROUNDS, 2):
            left += (np.uint64(mix32(np.uint32(right), keys[at], keys[at + 1])) * tall) >> np.uint64(32)
            left = left - tall if left >= tall else left
            right += (np.uint64(mix32(np.uint32(left), keys[at + 1], keys[at])) * wide) >> np.uint64(32)
            right = right - wide if right >= wide else right
        number = left * wide + right
        if number < samples:
            return number


@inlined
def _sides(samples: Any) -> Any:
    """Return the sides of a rectangle that is nearly a square and holds `samples` numbers, or a few more."""
    tall = np.uint64(np.ceil(np.sqrt(np.float64(samples))))
    return tall, (samples + tall - np.uint64(1)) // tall


@inlined
def _missing_before(cells: Cells, user: Any) -> Any:
    """Return the number of unobserved cells in the rows above that of `user`."""
    return user * cells.columns - cells.indptr[user]


@compiled
def _nth_missing(cells: Cells, rank: Any) -> Any:
    """Return user and item of the unobserved cell before which there are `rank` others, row by row."""
    low, high = 0, len(cells.indptr) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if _missing_before(cells, middle) <= rank:
            low = middle
        else:
            high = middle
    rank -= _missing_before(cells, low)
    start, end = cells.indptr[low], cells.indptr[low + 1]
    first, last = start, end
    while first < last:
        middle = (first + last) // 2
        if cells.indices[middle] - (middle - start) <= rank:
            first = middle + 1
        else:
            last = middle
    return low, rank + first - start


@inlined
def _is_observed(cells: Cells, user: Any, item: Any) -> Any:
    # Halving with no branch on what is found: a mispredicted one costs more than the step.
    at, left = cells.indptr[user], cells.indptr[user + 1] - cells.indptr[user]
    if left == 0:
        return False
    while left > 1:
        half = left >> 1
        at += half if cells.indices[at + half] <= item else 0
        left -= half
    return cells.indices[at] == item


@inlined
def _unobserved(cells: Cells, number: Any, key: Any) -> Any:
    """Return user and item of an unobserved cell, each as likely, drawn for the sample `number`."""
    users = len(cells.indptr) - 1
    stream = mix64(key ^ mix64(number))
    for attempt in range(_ATTEMPTS):
        user = np.int64(unit(mix64(stream + np.uint64(2 * attempt))) * users)
        item = np.int64(unit(mix64(stream + np.uint64(2 * attempt + 1))) * cells.columns)
        if not _is_observed(cells, user, item):
            return user, item
    missing = users * cells.columns - len(cells.indices)
    return _nth_missing(cells, np.int64(unit(mix64(stream + np.uint64(2 * _ATTEMPTS))) * missing))


@inlined
def _draw(number: Any, cells: Cells, key: Any) -> Any:
    """Return user, item and label of a sample: the observed pair of that number, or an unobserved cell."""
    if number < len(cells.indices):
        return np.int64(cells.rows[number]), np.int64(cells.indices[number]), np.float32(1)
    user, item = _unobserved(cells, np.uint64(number), key)
    return user, item, np.float32(0)


@compiled
def numbers_at(samples: int, first: int, last: int, keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Return which of `samples` samples stand at places first..last-1 of a shuffle, int64."""
    numbers = np.empty(last - first, np.int64)
    tall, wide = _sides(np.uint64(samples))
    for at in range(last - first):
        numbers[at] = np.int64(_number(np.uint64(first + at), np.uint64(samples), tall, wide, keys))
    return numbers


@compiled
def draw_numbers(cells: Cells, key: Any, numbers: npt.NDArray[np.int64]) -> Batch:
    """Return the samples `numbers` [samples]; key: uint64, under which the unobserved ones are drawn."""
    users, items = np.empty(len(numbers), np.int64), np.empty(len(numbers), np.int64)
    labels = np.empty(len(numbers), np.float32)
    for at in range(len(numbers)):
        users[at], items[at], labels[at] = _draw(numbers[at], cells, key)
    return Batch(users, items, labels)


@compiled
def draw_places(  # noqa: PLR0917  (kernels take no keywords)
    cells: Cells, key: Any, samples: int, first: int, last: int, keys: npt.NDArray[np.uint32]
) -> Batch:
    """Return what stands at the places first..last-1 of a shuffle of all samples, as `draw_numbers` does."""
    return draw_numbers(cells, key, numbers_at(samples, first, last, keys))
