"""Tables as interactions: filters, unknown items, attributes, and independence of the rows' order."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feddmf.errors import DataError
from feddmf_party.data import (
    AttributeTableSettings,
    InteractionsSettings,
    PartyTable,
    load_interactions,
    sources,
)
from feddmf_party.data.arrow import pa, parquet

SALES = """\
user,item,quantity,day
u2,i1,3,2011-01-01
u1,i2,1,2011-01-02
u2,i1,4,2011-01-03
u1,i0,-2,2011-01-04
"""
ITEMS = ("i0", "i1", "i2")


def load(path: Path, items: tuple[str, ...] = ITEMS, **keys: Any) -> PartyTable:
    """Load `path` with `keys` as settings."""
    return load_interactions(InteractionsSettings(path=path, **keys), items)


def triples(table: PartyTable) -> list[tuple[str, int, float]]:
    """Return (user id, item code, value) for each pair, in the order of the rows."""
    pairs = table.interactions
    users = [table.user_ids[row] for row in pairs.rows()]
    return list(zip(users, pairs.indices.tolist(), pairs.values.tolist(), strict=True))


def same(left: PartyTable, right: PartyTable) -> bool:
    """Tell whether two tables are equal to the last bit."""
    arrays = ("indptr", "indices", "values")
    return left.user_ids == right.user_ids and all(
        getattr(left.interactions, name).tobytes() == getattr(right.interactions, name).tobytes()
        for name in arrays
    )


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Write the table of sales."""
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    return path


def test_duplicates_merge_and_items_follow_the_catalogue(sales: Path) -> None:
    """Without a value column each pair is one; users are sorted, items in the order given."""
    table = load(sales, ("i2", "i1", "i0"))
    assert triples(table) == [("u1", 0, 1.0), ("u1", 2, 1.0), ("u2", 1, 1.0)]
    assert table.interactions.items == 3
    counts = (table.rows_read, table.rows_kept, table.rows_filtered, table.rows_unknown)
    assert counts == (4, 4, 0, 0)


def test_values_add_up(sales: Path) -> None:
    """With a value column the values of one pair add up."""
    assert triples(load(sales, value_column="quantity")) == [("u1", 0, -2.0), ("u1", 2, 1.0), ("u2", 1, 7.0)]


def test_small_values_are_left_out(sales: Path) -> None:
    """Rows under min_value do not count, nor does a user who has no other."""
    table = load(sales, value_column="quantity", min_value=3)
    assert triples(table) == [("u2", 1, 7.0)]
    assert (table.rows_kept, table.rows_filtered) == (2, 2)


def test_the_window_is_half_open(sales: Path) -> None:
    """Rows at `since` count, rows at `until` do not."""
    since, until = datetime(2011, 1, 2, tzinfo=UTC), datetime(2011, 1, 4)  # noqa: DTZ001  (no zone is UTC)
    table = load(sales, timestamp_column="day", since=since, until=until)
    assert triples(table) == [("u1", 2, 1.0), ("u2", 1, 1.0)]
    assert table.rows_filtered == 2


def test_a_named_timestamp_is_checked_without_a_window(tmp_path: Path) -> None:
    """A timestamp column that is named must hold times, also where none is filtered by it."""
    path = tmp_path / "a.csv"
    path.write_text("user,item,t\na,i0,soon\n")
    with pytest.raises(DataError, match="row 1: column 't': 'soon'"):
        load(path, timestamp_column="t")


def test_an_unknown_item_is_an_error_by_default(sales: Path) -> None:
    """The first row with an item that the catalogue lacks is named, with both ways out."""
    with pytest.raises(DataError, match=r"sales.csv: row 2: column 'item': item 'i2' is not") as caught:
        load(sales, ("i0", "i1"))
    assert "add it to the catalogue" in caught.value.hint
    assert 'unknown_items = "skip"' in caught.value.hint


def test_unknown_items_can_be_skipped(sales: Path) -> None:
    """Skipped rows are counted, apart from filtered ones, and a filtered unknown item is no error."""
    table = load(sales, ("i1",), unknown_items="skip", value_column="quantity", min_value=0)
    assert triples(table) == [("u2", 0, 7.0)]
    counts = (table.rows_read, table.rows_kept, table.rows_filtered, table.rows_unknown)
    assert counts == (4, 2, 1, 1)
    assert load(sales, ("i1", "i2"), value_column="quantity", min_value=0).rows_filtered == 1


def test_nothing_left_is_an_error(sales: Path) -> None:
    """Where no row is left the counts say why."""
    with pytest.raises(DataError, match=r"none of its 4 rows is left: 1 filtered .* 3 with items"):
        load(sales, ("x",), unknown_items="skip", value_column="quantity", min_value=0)


def test_an_item_listed_twice_is_refused(sales: Path) -> None:
    """A list of item ids with a duplicate is a mistake of the caller."""
    with pytest.raises(ValueError, match="twice"):
        load(sales, ("i0", "i0"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",i0,1,2011-01-01", "row 5: column 'user': no id"),
        ("u1,,1,2011-01-01", "row 5: column 'item': no id"),
        ("u1,i0,many,2011-01-01", "row 5: column 'quantity': 'many'"),
        ("u1,i0,,2011-01-01", "row 5: column 'quantity': an empty cell"),
        ("u1,i0,inf,2011-01-01", "row 5: column 'quantity': 'inf'"),
        ("u1,i0,1,", "row 5: column 'day': no time"),
        ("u1,i9,1,2011-01-01", "row 5: column 'item': item 'i9' is not in the catalogue"),
        ("u1,i0,1", "row 5: 3 cells under 4 columns"),
    ],
)
@pytest.mark.parametrize("block_bytes", [48, 1 << 20])
@pytest.mark.parametrize("plain_from", [0, math.inf])
def test_bad_rows_are_named(  # noqa: PLR0917  (pytest gives them by name)
    monkeypatch: pytest.MonkeyPatch, sales: Path, row: str, message: str, block_bytes: int, plain_from: float
) -> None:
    """Whatever is wrong with a row, however the file is cut and whoever reads it, the error names the row."""
    monkeypatch.setattr(sources, "_PLAIN_FROM", plain_from)
    sales.write_text(SALES + row + "\n")
    keys = InteractionsSettings(path=sales, value_column="quantity", timestamp_column="day")
    with pytest.raises(DataError, match=f"sales.csv: {message}"):
        load_interactions(keys, ITEMS, block_bytes=block_bytes)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c10", "c9"]),
        st.sampled_from(ITEMS),
        st.sampled_from([1.0, 0.1, 0.7, 1e9, 3.3e-5]),
    ),
    min_size=1,
    max_size=30,
)


@given(rows=ROWS, data=st.data(), block_bytes=st.sampled_from([64, 128, 4096]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_blocks_and_format_do_not_matter(
    tmp_path: Path, rows: list[tuple[str, str, float]], data: st.DataObject, block_bytes: int
) -> None:
    """Shuffled rows, other block sizes and Parquet in place of CSV give the same bytes."""
    paths = [tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.parquet"]
    orders = (rows, data.draw(st.permutations(rows)), data.draw(st.permutations(rows)))
    for path, order in zip(paths, orders, strict=True):
        if path.suffix == ".csv":
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([("user", "item", "value"), *order])
        else:
            users, items, values = zip(*order, strict=True)
            parquet.write_table(pa.table({"user": users, "item": items, "value": values}), path)
    first, *others = (
        load_interactions(InteractionsSettings(path=path, value_column="value"), ITEMS, block_bytes=size)
        for path, size in zip(paths, (1 << 20, block_bytes, block_bytes), strict=True)
    )
    assert all(same(first, other) for other in others)


ODD = st.sampled_from(['"a"', "é", "7", "07", '"a""b"', "", '"a,b"', '"', "a b", "u-00000012345678"])


@given(
    rows=st.lists(st.tuples(ODD, ODD, st.sampled_from(["1", "2.5", "x", ""])), min_size=1, max_size=20),
    ends=st.sampled_from(["\n", "\r\n"]),
    keys=st.sampled_from([{}, {"value_column": "v"}, {"value_column": "v", "min_value": 2}]),
    unknown=st.sampled_from(["error", "skip"]),
    block_bytes=st.sampled_from([64, 4096]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_plain_text_is_loaded_as_any_other(  # noqa: PLR0917  (drawn by hypothesis)
    tmp_path: Path,
    rows: list[tuple[str, str, str]],
    ends: str,
    keys: dict[str, Any],
    unknown: Any,
    block_bytes: int,
) -> None:
    """Compiled kernels give the same bytes and counts as pyarrow alone, and refuse the same tables."""
    path = tmp_path / "a.csv"
    text = ends.join(",".join(row) for row in [("user", "item", "v"), *rows])
    path.write_bytes(text.encode())
    source = InteractionsSettings(path=path, unknown_items=unknown, **keys)

    def outcome(plain_from: float) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "_PLAIN_FROM", plain_from)
            try:
                table = load_interactions(source, ("a", "é", "7", "a b"), block_bytes=block_bytes)
            except DataError:
                return "refused"  # which of several wrong rows is named depends on how a file is cut
        pairs = table.interactions
        counts = table.rows_read, table.rows_kept, table.rows_filtered, table.rows_unknown
        return (
            table.user_ids,
            counts,
            *(getattr(pairs, name).tobytes() for name in ("indptr", "indices", "values")),
        )

    assert outcome(0) == outcome(math.inf)


def test_parquet_ids_may_be_numbers(tmp_path: Path) -> None:
    """Whole floats, as pandas makes of a column with gaps, and integers are the same ids as text."""
    path, text = tmp_path / "a.parquet", tmp_path / "a.csv"
    users = np.array([17850.0, 9.0])
    times = [datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 1, 2, tzinfo=UTC)]
    parquet.write_table(pa.table({"user": users, "item": [5, 7], "t": times}), path)
    text.write_text("user,item,t\n17850,5,1293840000\n9,7,2011-01-02T01:00:00+01:00\n")
    until = datetime(2011, 1, 2, tzinfo=UTC)
    tables = [load(p, ("5", "7"), timestamp_column="t", until=until) for p in (path, text)]
    assert tables[0].user_ids == ("17850",)
    assert same(*tables)


ATTRIBUTES = "user,country,tier\nu3,,\nu1,France,1\nu9,Japan,2\n"
WITH_ATTRIBUTES = (*ITEMS, "country=France", "country=Japan", "tier=1", "tier=2")


@pytest.fixture
def people(tmp_path: Path) -> AttributeTableSettings:
    """Write the table of attributes."""
    path = tmp_path / "people.csv"
    path.write_text(ATTRIBUTES)
    return AttributeTableSettings(path=path, columns=("country", "tier"))


def test_attributes_become_items(sales: Path, people: AttributeTableSettings) -> None:
    """A cell is an interaction with COLUMN=VALUE, an empty one is none, and each row's user is a user."""
    table = load_interactions(InteractionsSettings(path=sales), WITH_ATTRIBUTES, attributes=people)
    assert table.user_ids == ("u1", "u2", "u3", "u9")
    pairs = [(user, WITH_ATTRIBUTES[item]) for user, item, _ in triples(table)]
    assert pairs == [
        ("u1", "i0"),
        ("u1", "i2"),
        ("u1", "country=France"),
        ("u1", "tier=1"),
        ("u2", "i1"),
        ("u9", "country=Japan"),
        ("u9", "tier=2"),
    ]
    assert (table.rows_read, table.attribute_rows, table.attributes_kept) == (4, 3, 4)


def test_attributes_count_as_one_beside_values(sales: Path, people: AttributeTableSettings) -> None:
    """Where interactions have values an attribute's is 1, also where the attribute table is Parquet."""
    path = sales.with_name("people.parquet")
    columns = {"user": ["u9", "u3", "u1"], "country": ["Japan", None, "France"], "tier": [2.0, None, 1.0]}
    parquet.write_table(pa.table(columns), path)
    keys = InteractionsSettings(path=sales, value_column="quantity")
    table = load_interactions(keys, WITH_ATTRIBUTES, attributes=people)
    assert (
        dict(zip(table.interactions.indices.tolist(), table.interactions.values.tolist(), strict=True))[4]
        == 1
    )
    for block_bytes in (64, 1 << 20):
        other = load_interactions(
            keys,
            WITH_ATTRIBUTES,
            attributes=people.model_copy(update={"path": path}),
            block_bytes=block_bytes,
        )
        assert same(table, other)


def test_unknown_attributes_are_an_error_or_counted(sales: Path, people: AttributeTableSettings) -> None:
    """A value that the catalogue lacks stops the loading with its row, or is skipped and counted."""
    keys = InteractionsSettings(path=sales)
    known = WITH_ATTRIBUTES[:-1]
    with pytest.raises(DataError, match=r"people.csv: row 3: column 'tier': item 'tier=2' is not"):
        load_interactions(keys, known, attributes=people)
    skipping = people.model_copy(update={"unknown_items": "skip"})
    table = load_interactions(keys, known, attributes=skipping)
    assert (table.attributes_kept, table.attributes_unknown) == (3, 1)


def test_a_user_with_two_attribute_rows_is_an_error(sales: Path, people: AttributeTableSettings) -> None:
    """Both rows of the duplicate user are named."""
    people.path.write_text(ATTRIBUTES + "u3,France,\nu1,Japan,\n")
    with pytest.raises(DataError, match=r"people.csv: user 'u3' has two rows: 1 and 4"):
        load_interactions(InteractionsSettings(path=sales), WITH_ATTRIBUTES, attributes=people)


def test_attributes_alone_are_enough(sales: Path, people: AttributeTableSettings) -> None:
    """A party all of whose interactions are filtered still has its users' attributes."""
    keys = InteractionsSettings(path=sales, value_column="quantity", min_value=99)
    table = load_interactions(keys, WITH_ATTRIBUTES, attributes=people)
    assert table.user_ids == ("u1", "u3", "u9")
    assert (table.interactions.pairs, table.rows_kept) == (4, 0)
