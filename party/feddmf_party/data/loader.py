"""A company's private tables as integer codes: users by their sorted ids, items by the catalogue's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes
from feddmf_party.data.arrow import pa
from feddmf_party.data.attributes import Cells, joined, read_cells, refuse_duplicates, user_attributes
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.columns import ids, instants, numbers
from feddmf_party.data.local_items import LocalItems
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings
from feddmf_party.data.tables import BLOCK_BYTES, Batch, read_batches

__all__ = ["PartyTable", "load_interactions"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FRACTION = 1 << 10  # values that are multiples of 1/1024 ...
_EXACT = 2.0**53 / _FRACTION  # ... add up without rounding while their sum stays under this


@dataclass(frozen=True, eq=False)
class PartyTable:
    """What a party knows: `interactions` [users, items], and the id behind each user code.

    `rows_read` = `rows_kept` + `rows_filtered` (by value or time) + `rows_unknown` (item not in the
    catalogue) counts rows of the interactions table, before duplicates merge. `attribute_rows` counts rows
    of the attribute table, `attributes_kept` and `attributes_unknown` its cells that are not empty.
    attributes: which of the items are user attributes; None without an attribute table.
    """

    interactions: Interactions
    user_ids: tuple[str, ...]
    rows_read: int
    rows_kept: int
    rows_unknown: int
    rows_filtered: int
    attribute_rows: int = 0
    attributes_kept: int = 0
    attributes_unknown: int = 0
    attributes: UserAttributes | None = None


def load_interactions(
    settings: InteractionsSettings,
    item_ids: Sequence[str],
    *,
    attributes: AttributeTableSettings | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> PartyTable:
    """Read the table(s); items are coded by their place in `item_ids` (local ids), users by sorted id.

    Users are those with a row that is kept, and all of the attribute table. The result does not depend on
    the order of the rows or on `block_bytes`, the amount read at a time. An attribute cell counts with
    value 1. Raises DataError naming file and row; ValueError where `item_ids` holds an id twice.
    """
    if len(set(item_ids)) != len(item_ids):
        raise ValueError("item_ids holds an id twice")
    items = LocalItems(pa.array(item_ids, pa.large_string()))
    users = IdCodes()
    kept = _read_interactions(settings, items, users, block_bytes)
    cells = Cells() if attributes is None else read_cells(attributes, items, users, block_bytes)
    user_ids, codes = users.sorted()
    if kept.kept + cells.kept == 0:
        raise DataError(
            f"{settings.path}: none of its {kept.read} rows is left: {kept.filtered} filtered by value or"
            f" time, {kept.unknown} with items that the catalogue lacks",
            hint="widen min_value, since and until, or check that the catalogue's local ids are the table's",
        )
    attribute_users = codes[kept.kept :]
    if attributes is not None:
        refuse_duplicates(attributes, user_ids, attribute_users)
    pair_users = np.concatenate([codes[: kept.kept], attribute_users[joined(cells.rows, np.int64)]])
    pair_items = np.concatenate([joined(kept.items, np.int32), joined(cells.items, np.int32)])
    values = None
    if settings.value_column is not None:
        values = np.concatenate([joined(kept.values, np.float64), np.ones(cells.kept)])
        pair_users, pair_items, values = _order_for_sums(pair_users, pair_items, values)
    return PartyTable(
        Interactions.from_pairs(pair_users, pair_items, values, shape=(len(user_ids), len(item_ids))),
        user_ids,
        rows_read=kept.read,
        rows_kept=kept.kept,
        rows_unknown=kept.unknown,
        rows_filtered=kept.filtered,
        attribute_rows=cells.read,
        attributes_kept=cells.kept,
        attributes_unknown=cells.unknown,
        attributes=(
            None
            if attributes is None
            else user_attributes(attributes, item_ids, cells, attribute_users, len(user_ids))
        ),
    )


@dataclass(eq=False)
class _Rows:
    """What was kept of the interactions table so far; the users' codes are in IdCodes."""

    read: int = 0
    kept: int = 0
    unknown: int = 0
    filtered: int = 0
    items: list[npt.NDArray[np.int32]] = field(default_factory=list)
    values: list[npt.NDArray[np.float64]] = field(default_factory=list)


def _read_interactions(
    settings: InteractionsSettings, items: LocalItems, users: IdCodes, block_bytes: int
) -> _Rows:
    result = _Rows()
    for batch in read_batches(
        settings.path, settings.columns, table_format=settings.format, block_bytes=block_bytes
    ):
        batch_users, batch_items = ids(batch, settings.user_column), ids(batch, settings.item_column)
        values = None if settings.value_column is None else numbers(batch, settings.value_column)
        wanted = _wanted(settings, batch, values)
        codes = items.codes(batch, settings.item_column, batch_items, wanted, settings.unknown_items)
        kept = wanted & (codes >= 0)
        result.read += batch.rows
        result.kept += int(kept.sum())
        result.filtered += int((~wanted).sum())
        result.unknown += int((wanted & (codes < 0)).sum())
        result.items.append(codes[kept])
        if values is not None:
            result.values.append(values[kept])
        users.add(batch_users.filter(pa.array(kept)))
    return result


def _wanted(
    settings: InteractionsSettings, batch: Batch, values: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.bool_]:
    """Return the rows within min_value, since and until, bool [rows]."""
    wanted = np.ones(batch.rows, dtype=np.bool_)
    if values is not None and settings.min_value is not None:
        wanted &= values >= settings.min_value
    if settings.timestamp_column is not None:
        # Read even where nothing is filtered: a column that is named is a column that is checked.
        times = instants(batch, settings.timestamp_column)
        if settings.since is not None:
            wanted &= times >= _micros(settings.since)
        if settings.until is not None:
            wanted &= times < _micros(settings.until)
    return wanted


def _order_for_sums(
    users: npt.NDArray[np.int32], items: npt.NDArray[np.int32], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return the pairs in an order of their own where sums would round differently in another order."""
    scaled = values * _FRACTION
    if np.array_equal(scaled, np.floor(scaled)) and np.abs(values).sum() < _EXACT:
        return users, items, values
    order = np.lexsort((values, items, users))
    return users[order], items[order], values[order]


def _micros(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND
