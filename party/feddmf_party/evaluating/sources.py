"""What is evaluated on: a public data set, or a table of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from feddmf.config import describe_error
from feddmf.errors import DataError, InputError
from feddmf_party.data.columns import ids, numbers
from feddmf_party.data.settings import InteractionsSettings
from feddmf_party.data.tables import read_batches
from feddmf_party.datasets.dataset import Dataset, Pairs

__all__ = ["read_table"]

# As long as a key of a catalogue may be.
_LONGEST_ITEM = 200


def read_table(
    path: Path,
    *,
    user_column: str,
    item_column: str,
    value_column: str | None = None,
    min_value: float | None = None,
) -> Dataset:
    """Read the interactions of a CSV or Parquet file; rows of one pair add up, after `min_value`.

    Raises DataError naming file, row and column, InputError for options that contradict each other.
    """
    settings = _settings(path, user_column, item_column, value_column, min_value)
    users, items, values = [], [], []
    for batch in read_batches(path, settings.columns):
        batch_users, batch_items = _texts(ids(batch, user_column)), _texts(ids(batch, item_column))
        amounts = np.ones(batch.rows) if value_column is None else numbers(batch, value_column)
        kept = np.ones(batch.rows, dtype=np.bool_) if min_value is None else amounts >= min_value
        users.append(batch_users[kept])
        items.append(batch_items[kept])
        values.append(amounts[kept])
    pairs = Pairs.merge(np.concatenate(users), np.concatenate(items), np.concatenate(values))
    if not len(pairs):
        raise DataError(
            f"{path}: no row has a value of {min_value:g} or more", hint="lower --min-value or leave it out"
        )
    known = np.unique(pairs.items).tolist()
    longest = max(known, key=len)
    if len(longest) > _LONGEST_ITEM:
        raise DataError(
            f"{path}: column {item_column!r}: item {longest[:40]!r}... has {len(longest)} characters",
            hint=f"name items in {_LONGEST_ITEM} characters or fewer",
        )
    return Dataset(
        name=path.name,
        title=path.name,
        licence="",
        attribution="",
        value_name=value_column or "rows",
        pairs=pairs,
        item_labels={item: item for item in known},
    )


def _settings(
    path: Path, user_column: str, item_column: str, value_column: str | None, min_value: float | None
) -> InteractionsSettings:
    try:
        return InteractionsSettings(
            path=path,
            user_column=user_column,
            item_column=item_column,
            value_column=value_column,
            min_value=min_value,
        )
    except ValidationError as error:
        message, _ = describe_error(error, InteractionsSettings)
        raise InputError(
            f"columns of {path}: {message.removeprefix('key (whole file): ')}",
            hint="mend --user-column, --item-column, --value-column or --min-value",
        ) from error


def _texts(column: object) -> npt.NDArray[np.str_]:
    """Return a pyarrow text column as numpy text, [rows]."""
    texts: npt.NDArray[np.str_] = np.array(column.to_pylist(), dtype=np.str_)  # type: ignore[attr-defined]
    return texts
