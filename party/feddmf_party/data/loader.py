"""A company's private tables as integer codes: users by their sorted ids, items by the catalogue's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf.interactions import Interactions
from feddmf.merging import Chunk
from feddmf.progress import NOBODY, Progress
from feddmf_party.data.arrow import pa
from feddmf_party.data.attributes import Cells, read_cells, refuse_duplicates, user_attributes
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.columns import encoded_ids, instants, numbers
from feddmf_party.data.digests import Origin
from feddmf_party.data.forgotten import Forgotten, without_forgotten
from feddmf_party.data.kept_tables import KeptTables
from feddmf_party.data.local_items import LocalItems
from feddmf_party.data.party_table import PartyTable
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings
from feddmf_party.data.slabs import Slabs
from feddmf_party.data.sources import read_source
from feddmf_party.data.tables import BLOCK_BYTES, Batch

__all__ = ["PartyTable", "load_interactions"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def load_interactions(
    settings: InteractionsSettings,
    item_ids: Sequence[str],
    *,
    attributes: AttributeTableSettings | None = None,
    block_bytes: int = BLOCK_BYTES,
    keep_in: Path | None = None,
    forgotten: Forgotten | None = None,
    progress: Progress = NOBODY,
) -> PartyTable:
    """Read the table(s); items are coded by their place in `item_ids` (local ids), users by sorted id.

    Users are those with a row that is kept, and all of the attribute table. The result does not depend on
    the order of the rows or on `block_bytes`, the amount read at a time. An attribute cell counts with
    value 1. keep_in: a folder where what was read is kept, so that the same tables, read again with the same
    settings and items, are not read at all (see `Origin`). forgotten: users who are left out; progress: hears
    how much has been read. Raises DataError naming file and row; ValueError where `item_ids` holds an id
    twice.
    """
    if len(set(item_ids)) != len(item_ids):
        raise ValueError("item_ids holds an id twice")
    origin = None if keep_in is None else Origin.of(settings, item_ids, attributes)
    left_out = forgotten or Forgotten()

    def read() -> PartyTable:
        return without_forgotten(_read(settings, item_ids, attributes, block_bytes, progress), left_out)

    if keep_in is None or origin is None:
        return read()
    # What was kept before somebody was forgotten is another table.
    tables, key = KeptTables(keep_in), origin.key + left_out.state
    table = tables.get(key)
    if table is None:
        table = read()
        if origin.unchanged:
            tables.put(key, table)
    return table


def _read(
    settings: InteractionsSettings,
    item_ids: Sequence[str],
    attributes: AttributeTableSettings | None,
    block_bytes: int,
    progress: Progress,
) -> PartyTable:
    items = LocalItems(pa.array(item_ids, pa.large_string()))
    users = IdCodes()
    kept = _read_interactions(settings, items, users, block_bytes, progress)
    cells = Cells() if attributes is None else read_cells(attributes, items, users, block_bytes, progress)
    pa.default_memory_pool().release_unused()
    user_ids, codes = users.sorted()
    if kept.kept + cells.kept == 0:
        raise DataError(
            f"{settings.source}: none of its {kept.read} rows is left: {kept.filtered} filtered by value or"
            f" time, {kept.unknown} with items that the catalogue lacks",
            hint="widen min_value, since and until, or check that the catalogue's local ids are the table's",
        )
    attribute_users = _after(codes, kept.kept)
    if attributes is not None:
        refuse_duplicates(attributes, user_ids, attribute_users)
    chunks = kept.chunks(codes)
    codes.clear()
    for rows, cell_items in zip(cells.rows, cells.items, strict=True):
        ones = None if settings.value_column is None else np.ones(len(rows))
        chunks.append(Chunk(attribute_users[rows], cell_items, ones))
    return PartyTable(
        Interactions.from_chunks(chunks, shape=(len(user_ids), len(item_ids))),
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
    items: Slabs = field(default_factory=lambda: Slabs(np.int32))
    values: Slabs = field(default_factory=lambda: Slabs(np.float64))

    def chunks(self, users: Sequence[npt.NDArray[np.int32]]) -> list[Chunk]:
        """Return the rows as chunks with their `users`, who may be more, and hold them no longer."""
        values = iter(self.values.taken())
        return [
            Chunk(own[: len(items)], items, next(values, None))
            for own, items in zip(users, self.items.taken(), strict=False)
        ]


def _read_interactions(
    settings: InteractionsSettings, items: LocalItems, users: IdCodes, block_bytes: int, progress: Progress
) -> _Rows:
    result = _Rows()
    for batch in read_source(settings, settings.columns, block_bytes=block_bytes, progress=progress):
        batch_users = encoded_ids(batch, settings.user_column)
        values = None if settings.value_column is None else numbers(batch, settings.value_column)
        wanted = _wanted(settings, batch, values)
        codes = items.codes_of(batch, settings.item_column, wanted, settings.unknown_items)
        kept = wanted & (codes >= 0)
        result.read += batch.rows
        result.kept += int(kept.sum())
        result.filtered += int((~wanted).sum())
        result.unknown += int((wanted & (codes < 0)).sum())
        result.items.append(codes[kept])
        if values is not None:
            result.values.append(values[kept])
        users.add(batch_users, None if kept.all() else kept)
    return result


def _after(slabs: Sequence[npt.NDArray[np.int32]], rows: int) -> npt.NDArray[np.int32]:
    """Return what comes after the first `rows` numbers."""
    found, start = [np.empty(0, dtype=np.int32)], 0
    for slab in slabs:
        found.append(slab[max(0, rows - start) :])
        start += len(slab)
    return np.concatenate(found)


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


def _micros(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND
