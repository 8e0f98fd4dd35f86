"""The best rows of each column of a stream of scores, each column's in a heap with the worst at its root."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled

__all__ = ["keep_best"]

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]


@compiled
def _worse(score: float, row: int, than_score: float, than_row: int) -> bool:
    return score < than_score or (score == than_score and row > than_row)


@compiled
def _rise(scores: Floats, rows: Rows, place: int, score: float, row: int) -> None:
    """Put an entry at the free `place` behind a heap's last, and move it up to where it belongs."""
    while place > 0:
        above = (place - 1) // 2
        if not _worse(score, row, scores[above], rows[above]):
            break
        scores[place], rows[place] = scores[above], rows[above]
        place = above
    scores[place], rows[place] = score, row


@compiled
def _sink(scores: Floats, rows: Rows, score: float, row: int) -> None:
    """Put an entry in the place of the root of a full heap, and move it down to where it belongs."""
    place, below = 0, 1
    while below < len(scores):
        other = below + 1
        if other < len(scores) and _worse(scores[other], rows[other], scores[below], rows[below]):
            below = other
        if not _worse(scores[below], rows[below], score, row):
            break
        scores[place], rows[place] = scores[below], rows[below]
        place, below = below, 2 * below + 1
    scores[place], rows[place] = score, row


@compiled
def keep_best(scores: Floats, first: int, kept: Floats, rows: Rows) -> None:
    """Take rows number `first` and on of scores [rows, columns] into the heaps kept, rows [columns, top].

    The rows before them must have been taken already, so that of equal scores the one that is there stays.
    """
    columns, top = kept.shape
    place = 0
    while place < len(scores) and first + place < top:
        for column in range(columns):
            _rise(kept[column], rows[column], first + place, scores[place, column], first + place)
        place += 1
    least = kept[:, 0].copy()
    while place < len(scores):
        for column in range(columns):
            if scores[place, column] > least[column]:
                _sink(kept[column], rows[column], scores[place, column], first + place)
                least[column] = kept[column, 0]
        place += 1
