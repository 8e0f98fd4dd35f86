"""Online Retail, cleaned, in the common form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import DataError
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.datasets import Dataset
from feddmf_party.datasets.online_retail import COLUMNS, SOURCE, read

LINES: list[tuple[Any, ...]] = [
    ("536365", "85123A", "WHITE HOLDER", 6, 17850.0),
    ("536366", "85123A", " CREAM HOLDER ", 2, 17850.0),
    ("536367", "85123A", "CREAM HOLDER", 1, 9.0),
    ("536368", "71053", None, 4, 9.0),
    ("C36369", "71053", "cancelled", 5, 17850.0),
    ("536370", "71053", "returned", -5, 17850.0),
    ("536371", "71053", "guest", 5, None),
    ("536372", "POST", "POSTAGE", 1, 17850.0),
    ("536373", "7105", "four digits", 1, 17850.0),
    (None, None, None, 1, 17850.0),
]


def write(folder: Path, **columns: Any) -> None:
    """Write LINES with `columns` in place of their own."""
    table = dict(zip(COLUMNS, map(list, zip(*LINES, strict=True)), strict=True))
    parquet.write_table(pa.table(table | columns), folder / "online_retail.parquet")


def test_lines_are_cleaned_and_added_up(tmp_path: Path) -> None:
    """Cancellations, returns, guests, fees and short codes go; quantities of a pair add up."""
    write(tmp_path)
    dataset = read(tmp_path)
    assert dataset.pairs.users.tolist() == ["17850", "9", "9"]
    assert dataset.pairs.items.tolist() == ["85123A", "71053", "85123A"]
    assert dataset.pairs.values.tolist() == [8.0, 4.0, 1.0]


def test_the_most_frequent_description_is_the_label(tmp_path: Path) -> None:
    """Descriptions are trimmed; one without any is called by its code; ties go to the first as text."""
    write(tmp_path)
    assert read(tmp_path).item_labels == {"85123A": "CREAM HOLDER", "71053": "71053"}
    write(tmp_path, Description=["b", "a", "b", "x", *"cccccc"], CustomerID=[1, 1, None, 1, *[2] * 6])
    assert read(tmp_path).item_labels["85123A"] == "a"


def test_a_table_without_the_columns_is_named(tmp_path: Path) -> None:
    """A table that lacks a column is a DataError that names it."""
    parquet.write_table(pa.table({"Invoice": ["1"]}), tmp_path / "online_retail.parquet")
    with pytest.raises(DataError, match=r"online_retail\.parquet: no column 'InvoiceNo'"):
        read(tmp_path)


def test_the_recipe_names_columns_and_no_download_is_pretended() -> None:
    """The publisher's form is a workbook: there is a recipe, no address, and an advisory digest."""
    assert SOURCE.url is None
    assert not SOURCE.files[0].strict
    assert all(column in SOURCE.recipe for column in COLUMNS)


def test_the_real_data_set_has_its_documented_size(real: Callable[[str], Dataset]) -> None:
    """4,335 customers, 3,659 products and 266,226 pairs are left after cleaning."""
    dataset = real("online-retail")
    sizes = (len(dataset.users), len(dataset.items), len(dataset.pairs), len(dataset.item_labels))
    assert sizes == (4_335, 3_659, 266_226, 3_659)
    assert dataset.pairs.values.sum() == 5_171_231
    assert dataset.pairs.values.min() == 1
    assert dataset.item_labels["85123A"] == "WHITE HANGING HEART T-LIGHT HOLDER"
