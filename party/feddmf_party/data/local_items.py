"""A party's local item ids as codes, and what happens to ids that the catalogue lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf_party.data.arrow import pc
from feddmf_party.data.settings import UnknownItems
from feddmf_party.data.tables import Batch

__all__ = ["LocalItems"]


@dataclass(frozen=True, eq=False)
class LocalItems:
    """The local item ids that the catalogue knows, in its order."""

    ids: Any

    def codes(
        self, batch: Batch, column: str, items: Any, rows: npt.NDArray[np.bool_], policy: UnknownItems
    ) -> npt.NDArray[np.int32]:
        """Return codes, int32 [rows], -1 for unknown; DataError for an unknown one among `rows`."""
        codes: npt.NDArray[np.int32] = pc.index_in(items, value_set=self.ids).fill_null(-1).to_numpy()
        unknown = np.flatnonzero(rows & (codes < 0))
        if unknown.size and policy == "error":
            raise batch.fault(
                int(unknown[0]),
                column,
                f"item {items[int(unknown[0])].as_py()!r} is not in the catalogue",
                hint='add it to the catalogue, or set unknown_items = "skip" to leave such rows out',
            )
        return codes
