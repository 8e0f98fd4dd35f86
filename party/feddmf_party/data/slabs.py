"""A column that grows, in slabs so large that the system takes each one back as soon as it is let go."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Slabs"]

# 40 MB of int32: malloc maps what is larger than 32 MiB by itself, and keeps for later what is smaller.
_ROWS = 10_000_000


class Slabs:
    """Numbers of one type, appended; two columns of as many rows have slabs of the same lengths."""

    def __init__(self, dtype: npt.DTypeLike, *, rows: int = _ROWS) -> None:
        self._dtype = dtype
        self._rows = rows
        self._slabs: list[npt.NDArray[Any]] = []
        self._used = rows

    def append(self, numbers: npt.NDArray[Any]) -> None:
        """Copy `numbers` to the end of the column."""
        done = 0
        while done < len(numbers):
            if self._used == self._rows:
                # Pages that are never written to are not there.
                self._slabs.append(np.empty(self._rows, dtype=self._dtype))
                self._used = 0
            part = numbers[done : done + self._rows - self._used]
            self._slabs[-1][self._used : self._used + len(part)] = part
            self._used += len(part)
            done += len(part)

    def taken(self) -> list[npt.NDArray[Any]]:
        """Return the column in order, a slab at a time, and hold it no longer."""
        slabs, used = self._slabs, self._used
        self._slabs, self._used = [], self._rows
        return [*slabs[:-1], *(slab[:used] for slab in slabs[-1:])]
