"""Pairs as compressed sparse rows: counted, placed by user, then sorted and merged row by row, in place.

The counting sort is that of Knuth, The Art of Computer Programming, volume 3, section 5.2, algorithm D.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled_in_order

__all__ = ["count_users", "merge_items", "merge_sums", "place_items", "place_sums"]

_SHORT = 24  # rows up to this long are sorted by insertion


@compiled_in_order
def count_users(counts: npt.NDArray[np.int64], users: npt.NDArray[Any]) -> None:
    """Add to `counts` [users + 1], one place on, how often each of `users` occurs."""
    for user in users:
        counts[user + 1] += 1


@compiled_in_order
def place_items(
    ends: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    users: npt.NDArray[Any],
    items: npt.NDArray[Any],
) -> None:
    """Put each item behind those of its user; ends [users]: where each user's next one goes, moved on."""
    for pair in range(len(users)):
        user = users[pair]
        indices[ends[user]] = items[pair]
        ends[user] += 1


@compiled_in_order
def place_sums(  # noqa: PLR0917  (kernels are called by position)
    ends: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float64],
    users: npt.NDArray[Any],
    items: npt.NDArray[Any],
    values: npt.NDArray[np.float64],
) -> None:
    """Do what `place_items` does, and put each pair's value beside its item."""
    for pair in range(len(users)):
        user = users[pair]
        indices[ends[user]] = items[pair]
        weights[ends[user]] = values[pair]
        ends[user] += 1


@compiled_in_order
def merge_items(indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int32]) -> None:
    """Sort each row, drop what occurs twice, and close the gaps; `indptr` becomes that of the merged rows."""
    start = kept = 0
    for row in range(len(indptr) - 1):
        stop = indptr[row + 1]
        items = indices[start:stop]
        if len(items) > _SHORT:
            items.sort()
        else:
            for place in range(1, len(items)):
                item, at = items[place], place
                while at > 0 and items[at - 1] > item:
                    items[at] = items[at - 1]
                    at -= 1
                items[at] = item
        last = -1
        for item in items:
            if item != last:
                indices[kept] = item
                kept += 1
                last = item
        indptr[row + 1] = kept
        start = stop


@compiled_in_order
def merge_sums(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float64],
    values: npt.NDArray[np.float32],
) -> None:
    """Do what `merge_items` does; the weights of one pair are summed, from the least up, into `values`."""
    start = kept = 0
    for row in range(len(indptr) - 1):
        stop = indptr[row + 1]
        items, own = indices[start:stop], weights[start:stop]
        if len(items) > _SHORT:
            order = np.argsort(items)
            items, own = items[order], own[order]
        else:
            for place in range(1, len(items)):
                item, weight, at = items[place], own[place], place
                while at > 0 and items[at - 1] > item:
                    items[at], own[at] = items[at - 1], own[at - 1]
                    at -= 1
                items[at], own[at] = item, weight
        first = 0
        while first < len(items):
            after = first + 1
            while after < len(items) and items[after] == items[first]:
                after += 1
            if after - first > 1:
                own[first:after].sort()
            total = 0.0
            for place in range(first, after):
                total += own[place]
            indices[kept] = items[first]
            values[kept] = total
            kept += 1
            first = after
        indptr[row + 1] = kept
        start = stop
