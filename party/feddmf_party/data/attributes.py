"""The table of a company's users: each cell an attribute of one user, numbers by their bin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf.progress import NOBODY, Progress
from feddmf.settings_file import literal
from feddmf.user_attributes import UserAttributes, column_of
from feddmf_party.data.arrow import pa, pc
from feddmf_party.data.bins import bin_names, bins_of
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.columns import encoded_ids, numbers_or_nan, texts
from feddmf_party.data.local_items import LocalItems
from feddmf_party.data.settings import AttributeTableSettings
from feddmf_party.data.sources import read_source
from feddmf_party.data.tables import Batch

__all__ = [
    "NUMBER",
    "Cells",
    "attribute_values",
    "joined",
    "read_cells",
    "refuse_duplicates",
    "user_attributes",
]

NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?\s*")
"""Text that is a number."""

_SOME_EDGES = (25, 40, 65)


@dataclass(eq=False)
class Cells:
    """What was kept of the attribute table so far; `rows` are its row numbers from 0.

    filled: by column, the rows with a value, whether or not the catalogue knows it.
    """

    read: int = 0
    kept: int = 0
    unknown: int = 0
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    items: list[npt.NDArray[np.int32]] = field(default_factory=list)
    filled: dict[str, list[npt.NDArray[np.int64]]] = field(default_factory=dict)


def read_cells(
    settings: AttributeTableSettings,
    items: LocalItems,
    users: IdCodes,
    block_bytes: int,
    progress: Progress = NOBODY,
) -> Cells:
    """Read the table; each row's user is added to `users`. DataError names file, row and column."""
    result = Cells(filled={column: [] for column in settings.columns})
    columns = (settings.user_column, *settings.columns)
    for batch in read_source(settings, columns, block_bytes=block_bytes, progress=progress):
        users.add(encoded_ids(batch, settings.user_column))
        for column in settings.columns:
            try:
                filled, codes = _codes(settings, items, batch, column)
            except DataError as error:
                raise _without_bins(settings, items, batch, column) or error from error
            kept = np.flatnonzero(codes >= 0)
            result.rows.append(kept + result.read)
            result.items.append(codes[kept])
            result.filled[column].append(np.flatnonzero(filled) + result.read)
            result.kept += len(kept)
            result.unknown += int(filled.sum()) - len(kept)
        result.read += batch.rows
    return result


def _codes(
    settings: AttributeTableSettings, items: LocalItems, batch: Batch, column: str
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Return which cells of a column have a value, and the code of each, -1 for none and unknown, [rows]."""
    prefix = pa.scalar(f"{column}=", pa.large_string())
    nothing = pa.scalar("", pa.large_string())
    values = attribute_values(batch, column, settings.edges(column))
    local = pc.binary_join_element_wise(prefix, values, nothing)
    filled = local.is_valid().to_numpy(zero_copy_only=False)
    return filled, items.codes(batch, column, local.dictionary_encode(), filled, settings.unknown_items)


def _without_bins(
    settings: AttributeTableSettings, items: LocalItems, batch: Batch, column: str
) -> DataError | None:
    """Return what is wrong with a column that has only numbers and should have bins; None of any other.

    Whole numbers may be categories: those of which the catalogue has one.
    """
    prefix = f"{column}="
    named = [name.removeprefix(prefix) for name in items.ids.to_pylist() if name.startswith(prefix)]
    column_cells = enumerate(batch.column(column).to_pylist())
    cells = [(row, str(cell)) for row, cell in column_cells if cell not in {None, ""}]
    numbers = cells and all(NUMBER.fullmatch(cell) for _, cell in cells)
    if settings.edges(column) is not None or not numbers or any(map(NUMBER.fullmatch, named)):
        return None
    row, cell = cells[0]
    edges = sorted({float(edge) for name in named for edge in name.split("..") if NUMBER.fullmatch(edge)})
    shown = ", ".join(f"{edge:g}" for edge in edges or _SOME_EDGES)
    how = f"under [attributes] in party.toml, bins = {{{literal(column)} = [{shown}]}}"
    first, second, *_ = bin_names(_SOME_EDGES)
    return batch.fault(
        row,
        column,
        f"{cell.strip()} is a number, and the column has no bins",
        hint=f"give it those of the catalogue: {how}"
        if edges
        else f"give it edges of your own: {how}, and the catalogue items {prefix}{first}, {prefix}{second} "
        "and so on; where each number is a category, name them all in the catalogue",
    )


def attribute_values(batch: Batch, column: str, edges: Sequence[float] | None) -> Any:
    """Return the value of each cell as text, a pyarrow large_string array [rows], null for an empty one.

    edges: those between the column's bins, or None for categories. Raises DataError as `texts` and `numbers`.
    """
    if edges is None:
        return texts(batch, column)
    places = bins_of(numbers_or_nan(batch, column), edges)
    names = pa.array(bin_names(edges), pa.large_string())
    return names.take(pa.array(places, mask=places < 0))


def user_attributes(
    settings: AttributeTableSettings,
    item_ids: Sequence[str],
    cells: Cells,
    row_users: npt.NDArray[np.int32],
    users: int,
) -> UserAttributes:
    """Return which of `item_ids` are attributes of the table's columns, and whose value is known.

    row_users: the user code of each row of the table, [rows].
    """
    columns = set(settings.columns)
    codes = [at for at, local in enumerate(item_ids) if "=" in local and column_of(local) in columns]
    named = tuple(column_of(item_ids[at]) for at in codes)
    known = np.zeros((users, len(codes)), dtype=np.bool_)
    for column in settings.columns:
        places = [at for at, each in enumerate(named) if each == column]
        valued = row_users[joined(cells.filled[column], np.int64)]
        known[np.ix_(valued, np.array(places, dtype=np.intp))] = True
    return UserAttributes(np.array(codes, dtype=np.int64), named, known)


def refuse_duplicates(
    settings: AttributeTableSettings, user_ids: tuple[str, ...], codes: npt.NDArray[np.int32]
) -> None:
    """Raise DataError for a user with two rows; codes: the user code of each row of the table, [rows]."""
    order = np.argsort(codes, kind="stable")
    repeats = order[1:][codes[order][1:] == codes[order][:-1]]
    if repeats.size:
        second = int(repeats.min())
        first = int(np.flatnonzero(codes == codes[second])[0])
        raise DataError(
            f"{settings.source}: user {user_ids[codes[second]]!r} has two rows: {first + 1} and {second + 1}",
            hint="leave one row for each user in the attribute table",
        )


def joined(parts: list[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return `parts` one after the other, an empty array of `dtype` where there are none."""
    return np.concatenate([np.empty(0, dtype=dtype), *parts])
