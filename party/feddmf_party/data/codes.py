"""Codes for text ids that arrive chunk by chunk, numbered in the end by the ids' own order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf_party.data.arrow import pa, pc

__all__ = ["IdCodes"]

_PENDING = 1 << 20


class IdCodes:
    """Collects ids and gives each distinct one a code; keeps the distinct ids and a code for each row.

    Each chunk is hashed by itself; the chunks' own dictionaries are merged when together they outgrow
    what is known, so that each id is hashed a bounded number of times and memory follows the distinct ids.
    """

    def __init__(self, *, pending: int = _PENDING) -> None:
        self._limit = pending
        self._known: Any = pa.array([], pa.large_string())
        self._pending: list[Any] = []
        self._waiting = 0
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, ids: Any) -> None:
        """Append `ids`, a pyarrow large_string array without nulls."""
        encoded = ids.dictionary_encode()
        self._pending.append(encoded)
        self._waiting += len(encoded.dictionary)
        if self._waiting > max(self._limit, len(self._known)):
            self._settle()

    def sorted(self) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """Return the distinct ids in lexicographic (code point) order, and each row's code, int32 [rows]."""
        self._settle()
        order = pc.array_sort_indices(self._known).to_numpy()
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        first_seen = np.concatenate([np.empty(0, dtype=np.int32), *self._codes])
        return tuple(self._known.take(pa.array(order)).to_pylist()), rank[first_seen]

    def _settle(self) -> None:
        dictionaries = [chunk.dictionary for chunk in self._pending]
        merged = pa.concat_arrays([self._known, *dictionaries]).dictionary_encode()
        # What was known comes first and is distinct, so its codes stay as they are.
        new = merged.indices.to_numpy()
        start = len(self._known)
        for chunk in self._pending:
            stop = start + len(chunk.dictionary)
            self._codes.append(new[start:stop][chunk.indices.to_numpy()])
            start = stop
        self._known, self._pending, self._waiting = merged.dictionary, [], 0
