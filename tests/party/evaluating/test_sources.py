"""Tables of one's own as data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from feddmf.errors import DataError, FedDMFError, InputError
from feddmf_party.evaluating.sources import read_table

COLUMNS: dict[str, Any] = {"user_column": "who", "item_column": "what"}
TABLE = "who,what,n,day\nb,x,3,mon\na,y,1,mon\na,x,2,tue\nb,x,4,tue\n"


def write(folder: Path, text: str) -> Path:
    """Write a table and return its path."""
    path = folder / "sales.csv"
    path.write_text(text)
    return path


def test_rows_of_one_pair_add_up(tmp_path: Path) -> None:
    """Users, items and values by the columns named; without a value column rows are counted."""
    path = write(tmp_path, TABLE)
    valued = read_table(path, **COLUMNS, value_column="n").pairs
    assert list(zip(valued.users, valued.items, valued.values, strict=True)) == [
        ("a", "x", 2.0),
        ("a", "y", 1.0),
        ("b", "x", 7.0),
    ]
    counted = read_table(path, **COLUMNS)
    assert counted.pairs.values.tolist() == [1.0, 1.0, 2.0]
    assert (counted.name, counted.item_labels) == ("sales.csv", {"x": "x", "y": "y"})


def test_rows_under_the_least_value_are_left_out(tmp_path: Path) -> None:
    """By row, before rows of one pair add up."""
    found = read_table(write(tmp_path, TABLE), **COLUMNS, value_column="n", min_value=3).pairs
    assert (found.users.tolist(), found.items.tolist(), found.values.tolist()) == (["b"], ["x"], [7.0])


def test_parquet_is_read_alike(tmp_path: Path) -> None:
    """Whole numbers are ids too."""
    path = tmp_path / "sales.parquet"
    pyarrow.parquet.write_table(pa.table({"who": [2, 1], "what": ["x", "y"]}), path)
    pairs = read_table(path, **COLUMNS).pairs
    assert (pairs.users.tolist(), pairs.items.tolist()) == (["1", "2"], ["y", "x"])


@pytest.mark.parametrize(
    ("text", "options", "kind", "message"),
    [
        ("who,n\na,1\n", {}, DataError, "sales.csv: no column 'what'"),
        ("who,what\n", {}, DataError, "sales.csv: no rows"),
        ("who,what,n\na,x,one\n", {"value_column": "n"}, DataError, "row 1: column 'n'"),
        ("who,what\n,x\n", {}, DataError, "row 1: column 'who': no id"),
        (TABLE, {"value_column": "n", "min_value": 9}, DataError, "no row has a value of 9 or more"),
        (TABLE, {"min_value": 9}, InputError, "sales.csv: min_value needs value_column"),
        (TABLE, {"value_column": "what"}, InputError, "'what' is named twice"),
        (f"who,what\na,{'x' * 201}\n", {}, DataError, "has 201 characters"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(
    tmp_path: Path, text: str, options: dict[str, Any], kind: type[FedDMFError], message: str
) -> None:
    """File, row and column, and options that contradict each other."""
    with pytest.raises(kind, match=message) as caught:
        read_table(write(tmp_path, text), **COLUMNS, **options)
    assert caught.value.hint
