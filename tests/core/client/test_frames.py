"""Frames: the same columns and types for any rows, and for none."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from feddmf.client import columns
from feddmf.client.frames import frame, interval_columns

EVERY = {name: getattr(columns, name) for name in columns.__all__}


@pytest.mark.parametrize("name", EVERY)
def test_no_rows_have_the_columns_and_types_of_rows(name: str) -> None:
    """So that what works with some works with none."""
    empty, one = frame([], EVERY[name]), frame([{}], EVERY[name])
    assert empty.columns.tolist() == one.columns.tolist() == list(EVERY[name])
    assert empty.dtypes.to_dict() == one.dtypes.to_dict()
    assert (len(empty), len(one)) == (0, 1)


def test_each_kind_of_column_holds_what_it_should() -> None:
    """Whole numbers and flags may be missing and stay what they are; times are in UTC."""
    kinds = {"a": "text", "b": "number", "c": "whole", "d": "flag", "e": "time", "f": "any"}
    row = {
        "a": "NA",
        "b": 1,
        "c": 2**53 + 1,
        "d": True,
        "e": "2026-01-02T03:04:05.5+01:00",
        "f": ["x"],
        "g": 0,
    }
    found = frame([row, dict.fromkeys(kinds)], kinds, about={"run": "r-1"})
    first = found.iloc[0]
    assert (first["a"], first["b"], first["c"], first["d"], first["f"]) == ("NA", 1.0, 2**53 + 1, True, ["x"])
    assert first["e"] == pd.Timestamp("2026-01-02T02:04:05.5", tz="UTC")
    assert found.iloc[1].drop("f").isna().all()
    assert found.attrs == {"run": "r-1"}


def test_an_interval_is_three_columns() -> None:
    """Also where there is none."""
    interval = {"value": 0.5, "lower": 0.25, "upper": math.inf}
    assert interval_columns("x", interval) == {"x": 0.5, "x_lower": 0.25, "x_upper": math.inf}
    assert interval_columns("x", None) == {"x": None, "x_lower": None, "x_upper": None}
