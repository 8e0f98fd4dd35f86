"""A party's local item ids as codes, and what happens to ids that the catalogue lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from feddmf_party.data.arrow import pa, pc
from feddmf_party.data.columns import encoded_ids
from feddmf_party.data.settings import UnknownItems
from feddmf_party.data.tables import Batch

if TYPE_CHECKING:
    from feddmf_party.data.known_texts import KnownTexts
    from feddmf_party.data.plain_cells import PlainCells

__all__ = ["LocalItems"]

_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")  # as a number of int64 is written
_WIDEST = 1 << 24

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class LocalItems:
    """The local item ids that the catalogue knows, in its order: a pyarrow large_string array."""

    ids: Any

    def codes_of(self, batch: Batch, column: str, rows: npt.NDArray[np.bool_], policy: UnknownItems) -> Codes:
        """Return the codes of a column of ids, -1 for unknown; int32 [rows]. Errors as `codes` and `ids`."""
        cells = batch.columns[column]
        if not isinstance(cells, pa.Array):
            return self._found(batch, column, cells, rows, policy)
        if not pa.types.is_signed_integer(cells.type) or cells.null_count or self._by_number is None:
            return self.codes(batch, column, encoded_ids(batch, column), rows, policy)
        lowest, table = self._by_number
        numbers = cells.to_numpy().astype(np.int64, copy=False)
        places = np.clip(numbers, lowest - 1, lowest + len(table) - 2) - (lowest - 1)
        codes: Codes = table[places]
        if policy == "error":
            _refuse_unknown(batch, column, rows & (codes < 0))
        return codes

    def codes(
        self, batch: Batch, column: str, items: Any, rows: npt.NDArray[np.bool_], policy: UnknownItems
    ) -> Codes:
        """Return the codes of `items`, a pyarrow dictionary array of text: int32 [rows], -1 for none.

        An unknown item has none. DataError for an unknown one among `rows`.
        """
        known = pc.index_in(items.dictionary, value_set=self.ids).fill_null(-1).to_numpy()
        # A cell without an id has index -1: the last of these.
        indices = items.indices.fill_null(-1).to_numpy()
        codes: Codes = np.append(known, np.int32(-1))[indices]
        if policy == "error":
            _refuse_unknown(batch, column, rows & (codes < 0), items)
        return codes

    def _found(
        self, batch: Batch, column: str, cells: PlainCells, rows: npt.NDArray[np.bool_], policy: UnknownItems
    ) -> Codes:
        codes = self._by_text.find(cells)
        if policy == "error":
            _refuse_unknown(batch, column, rows & (codes < 0))
        return codes

    @cached_property
    def _by_text(self) -> KnownTexts:
        # Where there are cells the compiled kernels are loaded.
        from feddmf_party.data.known_texts import KnownTexts
        from feddmf_party.data.plain_cells import PlainCells

        known = KnownTexts()
        known.add(PlainCells.of(self.ids))
        return known

    @cached_property
    def _by_number(self) -> tuple[int, Codes] | None:
        """The lowest of the ids that are whole numbers, and the code of each number from there on.

        The table begins and ends with -1, for all numbers below and above. None where the numbers lie too far
        apart for a table, or there are none.
        """
        texts = self.ids.to_pylist()
        found = {int(text): code for code, text in enumerate(texts) if _WHOLE.fullmatch(text)}
        lowest, highest = min(found, default=0), max(found, default=_WIDEST)
        if highest - lowest >= _WIDEST:
            return None
        table = np.full(highest - lowest + 3, -1, dtype=np.int32)
        table[np.fromiter(found, np.int64) - lowest + 1] = np.fromiter(found.values(), np.int32)
        return lowest, table


def _refuse_unknown(batch: Batch, column: str, unknown: npt.NDArray[np.bool_], items: Any = None) -> None:
    """Raise DataError for the first row that is `unknown`; items: its cells, where not those of the table."""
    if unknown.any():
        items = batch.column(column) if items is None else items
        row = int(np.flatnonzero(unknown)[0])
        raise batch.fault(
            row,
            column,
            f"item {str(items[row])!r} is not in the catalogue",
            hint='add it to the catalogue, or set unknown_items = "skip" to leave such rows out',
        )
