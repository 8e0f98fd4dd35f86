"""Codes for text ids that arrive chunk by chunk, numbered in the end by the ids' own order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feddmf_party.data.arrow import pa, pc
from feddmf_party.data.slabs import Slabs

if TYPE_CHECKING:
    from feddmf_party.data.known_texts import KnownTexts
    from feddmf_party.data.plain_cells import PlainCells

__all__ = ["IdCodes"]

_PENDING = 1 << 20
_PENDING_ROWS = 1 << 22

Codes = npt.NDArray[np.int32]


class IdCodes:
    """Collects ids and gives each distinct one a code; keeps the distinct ids and a code for each row.

    The chunks' own dictionaries are merged when together they outgrow what is known, so that each id is
    hashed a bounded number of times and memory follows the distinct ids. Ids of plain cells are known apart
    from the others until the end: theirs are the codes below zero, counted from -1 down.
    """

    def __init__(self, *, pending: int = _PENDING) -> None:
        self._limit = pending
        self._known: Any = pa.array([], pa.large_string())
        self._pending: list[tuple[Any, Codes]] = []
        self._waiting = 0
        self._rows = 0
        self._codes = Slabs(np.int32)
        self._plain: KnownTexts | None = None

    def add(self, ids: Any | PlainCells, kept: npt.NDArray[np.bool_] | None = None) -> None:
        """Append a chunk of ids: plain cells, or a pyarrow dictionary array of large_string without nulls.

        kept: bool [rows], where not all of them are; what is in no such row is no id.
        """
        if isinstance(ids, pa.Array):
            self._add_encoded(ids if kept is None else ids.filter(pa.array(kept)))
        else:
            self._add_plain(ids if kept is None else ids.where(kept))

    def _add_plain(self, cells: PlainCells) -> None:
        if self._plain is None:
            # Where there are cells the compiled kernels are loaded.
            from feddmf_party.data.known_texts import KnownTexts

            self._plain = KnownTexts()
        self._settle()
        codes = self._plain.add(cells)
        self._codes.append(np.invert(codes, out=codes))  # -1 - code

    def _add_encoded(self, ids: Any) -> None:
        texts, indices = ids.dictionary, ids.indices.to_numpy()
        used = np.zeros(len(texts), dtype=np.bool_)
        used[indices] = True
        if not used.all():
            texts = texts.filter(pa.array(used))
            indices = (np.cumsum(used, dtype=np.int32) - 1)[indices]
        self._pending.append((texts, indices))
        self._waiting += len(texts)
        self._rows += len(indices)
        if self._waiting > max(self._limit, len(self._known)) or self._rows > _PENDING_ROWS:
            self._settle()

    def sorted(self) -> tuple[tuple[str, ...], list[Codes]]:
        """Return the distinct ids in lexicographic (code point) order, and each row's code, int32, in slabs.

        What was collected is forgotten, so that rows do not stand in memory twice.
        """
        self._settle()
        plain = pa.array([], pa.large_string()) if self._plain is None else self._plain.array()
        # From the end, where codes below zero look.
        everything = pa.concat_arrays([self._known, plain.take(pa.array(np.arange(len(plain))[::-1]))])
        merged = everything.dictionary_encode()
        order = pc.array_sort_indices(merged.dictionary).to_numpy()
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        places = rank[merged.indices.to_numpy()]
        codes = self._codes.taken()
        for slab in codes:
            np.take(places, slab, out=slab, mode="wrap")  # in place
        return tuple(merged.dictionary.take(pa.array(order)).to_pylist()), codes

    def _settle(self) -> None:
        if not self._pending:
            return
        dictionaries = [texts for texts, _ in self._pending]
        merged = pa.concat_arrays([self._known, *dictionaries]).dictionary_encode()
        # What was known comes first and is distinct, so its codes stay as they are.
        new = merged.indices.to_numpy()
        start = len(self._known)
        for texts, indices in self._pending:
            stop = start + len(texts)
            self._codes.append(new[start:stop][indices])
            start = stop
        self._known, self._pending, self._waiting, self._rows = merged.dictionary, [], 0, 0
