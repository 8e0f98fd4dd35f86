"""Answers of the query API as pandas frames with the same columns every time, empty ones too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

__all__ = ["frame", "interval_columns"]

_ENDS: Mapping[str, str] = MappingProxyType({"": "value", "_lower": "lower", "_upper": "upper"})


def frame(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    about: Mapping[str, Any] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return rows as a frame with these columns and no others; about: goes into `attrs`.

    columns: by name their type: text, number, whole (a number that may be missing), flag (which may be
    missing), time or any.
    """
    every = list(rows)
    found = pd.DataFrame(
        {name: _column([row.get(name) for row in every], kind) for name, kind in columns.items()}
    )
    found.attrs.update(about)
    return found


def interval_columns(name: str, interval: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a figure and its ends as columns `name`, `name_lower`, `name_upper`; None for none."""
    return {f"{name}{end}": None if interval is None else interval[part] for end, part in _ENDS.items()}


def _column(values: Sequence[Any], kind: str) -> Any:
    match kind:
        case "number":
            return pd.array([float("nan") if each is None else each for each in values], dtype="float64")
        case "whole":
            return pd.array(values, dtype="Int64")
        case "flag":
            return pd.array(values, dtype="boolean")
        case "text":
            return pd.array(values, dtype="string")
        case "time":
            return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
        case _:
            return pd.Series(list(values), dtype="object")
