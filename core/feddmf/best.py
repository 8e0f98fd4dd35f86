"""The best of many scores: by a running threshold, so that what is not among them is looked at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Best", "best_places", "ranking"]

Floats = npt.NDArray[np.float32]


class Best:
    """The `top` best-scored rows of each column, of scores that come block by block.

    Of equal scores the earlier rows are better. Memory does not grow with the number of rows.
    """

    def __init__(self, columns: int, top: int) -> None:
        self._scores = np.empty((columns, top), dtype=np.float32)
        self._rows = np.empty((columns, top), dtype=np.int32)
        self._seen = 0

    def take(self, scores: Floats) -> None:
        """Look at the next rows, [rows, columns]."""
        from feddmf.kernels.best import keep_best

        keep_best(np.ascontiguousarray(scores, dtype=np.float32), self._seen, self._scores, self._rows)
        self._seen += len(scores)

    def ranked(self) -> tuple[npt.NDArray[np.int32], Floats]:
        """Return the rows and their scores, [columns, min(top, rows seen)] each, best first."""
        kept = slice(min(self._seen, self._scores.shape[1]))
        rows, scores = self._rows[:, kept], self._scores[:, kept]
        order = np.lexsort((rows, -scores))
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def best_places(scores: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.int64]:
    """Return the places of the `size` highest of scores [n], highest first; of equals the first places."""
    if 0 < size < len(scores):
        least = np.partition(scores, len(scores) - size)[len(scores) - size]
        among = np.flatnonzero(scores >= least)
    else:
        among = np.arange(len(scores))
    return among[np.argsort(-scores[among], kind="stable")[:size]]


def ranking(scores: Floats) -> npt.NDArray[np.uint32]:
    """Return all places of scores [n], highest first, of equals the first places; no score is nan."""
    bits = (scores + np.float32(0)).view(np.uint32)  # 0 and -0 are equal
    # The bits of floats, those of negative ones inverted, are in their order.
    ordered = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF)).astype(np.uint64)
    # A number of 64 bits that has the place in it sorts several times as fast as places by scores.
    keys = np.sort((ordered << np.uint64(32)) | np.arange(len(scores), dtype=np.uint64))
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
