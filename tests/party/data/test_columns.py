"""Columns as ids, numbers and times, from any type that a table may give them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import DataError
from feddmf_party.data.arrow import pa
from feddmf_party.data.columns import ids, instants, numbers, numbers_or_nan, texts
from feddmf_party.data.tables import Batch

NOON = datetime(2011, 12, 9, 12, tzinfo=UTC)
NOON_MICROS = 1_323_432_000_000_000


def batch(cells: Any, first_row: int = 1) -> Batch:
    """Return a batch whose one column `c` holds `cells`."""
    column = cells if isinstance(cells, pa.Array) else pa.array(cells)
    return Batch(Path("t.csv"), first_row, {"c": column})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "ä"], ["007", "ä"]),
        ([17850, -1], ["17850", "-1"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        ([17850.0, -0.0], ["17850", "0"]),
        (pa.array(np.array([3.0], dtype=np.float16)), ["3"]),
        ([Decimal(17850)], ["17850"]),
        ([b"abc"], ["abc"]),
        (pa.array(["abc"], pa.string_view()), ["abc"]),
    ],
)
def test_ids_are_text(cells: Any, expected: list[str]) -> None:
    """Text stays as it is; whole numbers of any type become their digits."""
    column = ids(batch(cells), "c")
    assert column.type == pa.large_string()
    assert column.to_pylist() == expected


@pytest.mark.parametrize(
    "cells", [["a", None], ["a", ""], [1, None], [1.0, None], [1.0, float("nan")], pa.array([b"a", b""])]
)
def test_an_empty_id_is_named(cells: Any) -> None:
    """A null, an empty text and a NaN are no ids; the row is counted from the start of the file."""
    with pytest.raises(DataError, match=r"^t.csv: row 12: column 'c': no id$"):
        ids(batch(cells, first_row=11), "c")


def test_a_column_of_nulls_has_no_ids() -> None:
    """A Parquet column of type null fails at its first row."""
    with pytest.raises(DataError, match="row 1: column 'c': no id"):
        ids(batch(pa.nulls(2)), "c")


@pytest.mark.parametrize("value", [0.5, float("inf"), 1e16])
def test_a_number_that_is_not_whole_is_no_id(value: float) -> None:
    """A fraction, an infinity and a float beyond exact whole numbers are refused."""
    with pytest.raises(DataError, match=r"row 2: column 'c': .* is no whole number"):
        ids(batch([1.0, value]), "c")


@pytest.mark.parametrize("cells", [[NOON], [[1]], [{"a": 1}], [Decimal("1.5")]])
def test_other_types_are_no_ids(cells: list[Any]) -> None:
    """Times, lists, structures and fractions are refused by the column's type."""
    with pytest.raises(DataError, match=r"'c' is of type .*, which is no id or category"):
        ids(batch(cells), "c")


def test_text_that_is_not_utf8_is_named() -> None:
    """Binary ids that are no UTF-8 are refused with their row."""
    with pytest.raises(DataError, match=r"row 2: column 'c': .* cannot be read as UTF-8 text"):
        ids(batch([b"a", b"\xff"]), "c")


def test_text_of_more_than_one_line_is_named() -> None:
    """A line break in an id tells of a quote left open, and is refused before the rest of a file is lost."""
    with pytest.raises(DataError, match="row 2: column 'c': a line break"):
        ids(batch(["a", "b\nc,d\n"]), "c")


def test_categories_may_be_empty_or_true_or_false() -> None:
    """`texts` keeps empty cells as null and takes booleans."""
    assert texts(batch(["a", "", None]), "c").to_pylist() == ["a", None, None]
    assert texts(batch([True, None, False]), "c").to_pylist() == ["true", None, "false"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", " 2.5 ", "-1e3"], [1, 2.5, -1000]),
        ([1, 2], [1, 2]),
        ([Decimal("1.25")], [1.25]),
        (pa.array([0.5], pa.float32()), [0.5]),
        ([True, False], [1, 0]),
        ([2**53 + 1], [2.0**53]),
    ],
)
def test_numbers(cells: Any, expected: list[float]) -> None:
    """Numbers come from text and from each numeric type."""
    values = numbers(batch(cells), "c")
    assert values.dtype == np.float64
    assert values.tolist() == expected


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (["1", "2", "x"], "'x'"),
        (["1", "2", None], "an empty cell"),
        (["1", "2", "nan"], "'nan'"),
        (["1", "2", "-inf"], "'-inf'"),
        (["1", "2", "1,5"], "'1,5'"),
        ([1.0, 2.0, None], "an empty cell"),
        ([1.0, 2.0, float("inf")], "inf"),
        ([1.0, 2.0, 1e31], "1e\\+31"),
    ],
)
def test_what_is_no_number_is_named(cells: list[Any], shown: str) -> None:
    """What is no finite number of usable size is shown with its row."""
    with pytest.raises(DataError, match=f"row 3: column 'c': {shown}"):
        numbers(batch(cells), "c")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "", None, " 2.5 "], [1, None, None, 2.5]),
        ([1.5, None, float("nan")], [1.5, None, None]),
        ([3, None], [3, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_a_number_may_be_missing(cells: Any, expected: list[float | None]) -> None:
    """An empty cell and a NaN of a table are no number and no mistake."""
    values = numbers_or_nan(batch(cells), "c")
    assert [None if np.isnan(value) else value for value in values.tolist()] == expected


@pytest.mark.parametrize(
    ("cells", "shown"), [(["", "x"], "'x'"), (["", "nan"], "'nan'"), ([None, 1e31], "1e")]
)
def test_what_stands_in_a_cell_must_be_a_number(cells: list[Any], shown: str) -> None:
    """Text, also that of a NaN, and numbers beyond use are named with their row."""
    with pytest.raises(DataError, match=f"row 2: column 'c': {shown}"):
        numbers_or_nan(batch(cells), "c")


def test_the_first_bad_number_is_named() -> None:
    """Of many cells that are no numbers the first is named."""
    cells = ["1"] * 700 + ["x"] + ["1"] * 200 + ["y"] * 5
    with pytest.raises(DataError, match="row 701: column 'c': 'x' cannot be read as a number"):
        numbers(batch(cells), "c")


def test_a_column_of_times_is_no_number() -> None:
    """A column of another type is refused."""
    with pytest.raises(DataError, match=r"row 1: column 'c': .* cannot be read as a number"):
        numbers(batch([NOON]), "c")


@pytest.mark.parametrize(
    "cells",
    [
        ["2011-12-09T12:00:00Z", "2011-12-09 12:00", "2011-12-09T14:00:00.000000999+02:00", "1323432000"],
        ["2011-12-09T07:00:00-05", " 2011-12-09T12:00:00 ", "2011-12-09T12Z"],
        [1_323_432_000],
        [NOON],
        pa.array([NOON], pa.timestamp("ns", tz="Asia/Tokyo")),
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ms")),
    ],
)
def test_times_of_any_kind_are_one_instant(cells: Any) -> None:
    """Text with and without zone, epoch seconds and timestamps mean the same microsecond; no zone is UTC."""
    times = instants(batch(cells), "c")
    assert times.dtype == np.int64
    assert set(times.tolist()) == {NOON_MICROS}


@pytest.mark.parametrize(
    "cells", [["2011-12-09"], [date(2011, 12, 9)], pa.array([date(2011, 12, 9)], pa.date64())]
)
def test_a_date_is_its_midnight(cells: Any) -> None:
    """A date, as text or as a date column, is 00:00 in UTC."""
    assert instants(batch(cells), "c").tolist() == [NOON_MICROS - 12 * 3_600_000_000]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["2011-12-09", "1323432000", "yesterday"],
            "row 3: column 'c': 'yesterday' cannot be read as a time",
        ),
        (["2011-12-09", "2011-02-30"], "row 2: column 'c': '2011-02-30'"),
        (["1", "2011-12-09T25:00:00Z"], "row 2: column 'c': '2011-12-09T25:00:00Z'"),
        (["09.12.2011"], "row 1: column 'c': '09.12.2011'"),
        (["2011-12-09", None], "row 2: column 'c': no time"),
        ([""], "row 1: column 'c': '' cannot be read as a time"),
        ([1, 1_323_432_000_000], "row 2: column 'c': 1323432000000 is no time in epoch seconds"),
        (["1", "99999999999999999999"], "row 2: column 'c': '99999999999999999999' cannot be read as a time"),
        ([1.5], "'c' is of type double, which is no time"),
    ],
)
def test_what_is_no_time_is_named(cells: list[Any], message: str) -> None:
    """What is no time, epoch milliseconds included, is shown with its row."""
    with pytest.raises(DataError, match=message):
        instants(batch(cells), "c")
