"""Texts that were seen, each with the number of others before it, found again by compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.kernels.known_texts import number_texts, widen_slots
from feddmf.kernels.words import BEYOND
from feddmf_party.data.arrow import pa
from feddmf_party.data.plain_cells import PlainCells

__all__ = ["KnownTexts"]

_FIRST_SLOTS = 1 << 10
_FIRST_BYTES = 1 << 14

Codes = npt.NDArray[np.int32]


class KnownTexts:
    """Distinct texts in the order in which they came; memory follows them alone."""

    def __init__(self) -> None:
        self._count = 0
        self._slots = np.zeros(_FIRST_SLOTS, dtype=np.uint64)
        self._bounds = np.zeros(_FIRST_SLOTS // 2 + 1, dtype=np.int64)
        self._bytes = np.empty(_FIRST_BYTES, dtype=np.uint8)

    def __len__(self) -> int:
        return self._count

    def add(self, cells: PlainCells) -> Codes:
        """Return the number of each cell's text, int32 [rows]; new texts get the next ones."""
        codes = np.empty(len(cells), dtype=np.int32)
        done = 0
        while True:
            done, self._count = self._number(cells, codes, done, len(self._slots) // 2)
            if done == len(cells):
                return codes
            self._widen(int(cells.ends[done] - cells.starts[done]))

    def find(self, cells: PlainCells) -> Codes:
        """Return the number of each cell's text, int32 [rows], -1 for one that was never added."""
        codes = np.empty(len(cells), dtype=np.int32)
        self._number(cells, codes, 0, 0)
        return codes

    def _number(self, cells: PlainCells, codes: Codes, first: int, room: int) -> tuple[int, int]:
        places = cells.text, cells.starts, cells.ends
        tables = self._slots, self._bounds, self._bytes
        return number_texts(*places, codes, *tables, first, self._count, room)

    def array(self) -> Any:
        """Return the texts as a pyarrow large_string array, in order."""
        bounds = self._bounds[: self._count + 1].copy()
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self._bytes[: bounds[-1]].copy())]
        return pa.Array.from_buffers(pa.large_string(), self._count, buffers)

    def _widen(self, size: int) -> None:
        """Make room for a text of `size` bytes, and for as much again as there is."""
        if self._count == len(self._slots) // 2:
            wider = np.zeros(2 * len(self._slots), dtype=np.uint64)
            widen_slots(self._slots, wider)
            self._slots = wider
            self._bounds = np.resize(self._bounds, len(wider) // 2 + 1)
        needed = int(self._bounds[self._count]) + size + BEYOND
        if needed > len(self._bytes):
            self._bytes = np.resize(self._bytes, 2 * needed)
