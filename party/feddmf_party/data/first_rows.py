"""A look at a party's tables without reading all of them: columns, and the cells of the first rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feddmf_party.data.arrow import pa
from feddmf_party.data.attributes import read_cells
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.columns import encoded_ids, instants, numbers
from feddmf_party.data.local_items import LocalItems
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings
from feddmf_party.data.sources import read_source

__all__ = ["look_at_attributes", "look_at_interactions"]


def look_at_interactions(settings: InteractionsSettings, item_ids: Sequence[str] | None) -> tuple[int, int]:
    """Return how many first rows were read, and how many of these have items that `item_ids` names.

    item_ids: local ids; None where none are known yet. Raises DataError as loading the table does.
    """
    batch = next(read_source(settings, settings.columns))
    encoded_ids(batch, settings.user_column)
    if settings.value_column is not None:
        numbers(batch, settings.value_column)
    if settings.timestamp_column is not None:
        instants(batch, settings.timestamp_column)
    if item_ids is None:
        encoded_ids(batch, settings.item_column)
        return batch.rows, 0
    items = LocalItems(pa.array(item_ids, pa.large_string()))
    every = np.ones(batch.rows, dtype=np.bool_)
    codes = items.codes_of(batch, settings.item_column, every, "skip")
    return batch.rows, int(np.count_nonzero(codes >= 0))


def look_at_attributes(settings: AttributeTableSettings, item_ids: Sequence[str] | None) -> tuple[int, int]:
    """Return how many users the table has, and how many of its cells `item_ids` names; DataError as loading.

    It has a row a user, and is read whole.
    """
    items = LocalItems(pa.array(item_ids or (), pa.large_string()))
    cells = read_cells(
        settings.model_copy(update={"unknown_items": "skip"}), items, IdCodes(), block_bytes=1 << 23
    )
    return cells.read, cells.kept
