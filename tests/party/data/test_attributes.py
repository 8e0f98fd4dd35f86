"""The table of users: which items are attributes, whose value is known, and numbers by their bin."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import DataError
from feddmf_party.data import AttributeTableSettings, InteractionsSettings, PartyTable, load_interactions
from feddmf_party.data.arrow import pa, parquet

PEOPLE = "user,country,age,member\nu3,,,true\nu1,France,25,false\nu9,Japan,64.5,\nu4,Peru, 24.9 ,true\n"
ITEMS = (
    "age=25..65",
    "age=..25",
    "i0",
    "country=France",
    "country=Japan",
    "member=true",
    "country=Malta",
    "tier=1",
)


def load(folder: Path, items: tuple[str, ...] = ITEMS, people: str = PEOPLE, **changes: object) -> PartyTable:
    """Load one sale and the people, ages by bins; unknown values are left out."""
    sales, table = folder / "sales.csv", folder / "people.csv"
    sales.write_text("user,item\nu1,i0\nu2,i0\n")
    table.write_text(people)
    keys = {"columns": ("country", "age", "member"), "bins": {"age": (25, 65)}, "unknown_items": "skip"}
    settings = AttributeTableSettings(path=table, **{**keys, **changes})
    return load_interactions(InteractionsSettings(path=sales), items, attributes=settings)


def test_attributes_are_the_items_of_the_columns(tmp_path: Path) -> None:
    """Also one that nobody has; an item of a column that is not read is none."""
    attributes = load(tmp_path).attributes
    assert attributes is not None
    assert [ITEMS[code] for code in attributes.codes] == [
        "age=25..65",
        "age=..25",
        "country=France",
        "country=Japan",
        "member=true",
        "country=Malta",
    ]
    assert attributes.columns == ("age", "age", "country", "country", "member", "country")


def test_who_has_a_value_is_known_whether_the_catalogue_knows_it_or_not(tmp_path: Path) -> None:
    """The Peruvian is neither French nor Japanese; an empty cell and a user without a row say nothing."""
    table = load(tmp_path)
    assert table.user_ids == ("u1", "u2", "u3", "u4", "u9")
    assert table.attributes is not None
    known = dict(zip(table.attributes.columns, table.attributes.known.T.tolist(), strict=True))
    assert known == {
        "age": [True, False, False, True, True],
        "country": [True, False, False, True, True],
        "member": [True, False, True, True, False],
    }
    labels = table.attributes.labels(table.interactions)
    having = {ITEMS[code]: row for code, row in zip(table.attributes.codes, labels.T.tolist(), strict=True)}
    assert having["age=25..65"] == [True, False, False, False, True]
    assert having["age=..25"] == [False, False, False, True, False]
    assert having["member=true"] == [False, False, True, True, False]
    assert not any(having["country=Malta"])
    assert (table.attributes_kept, table.attributes_unknown) == (7, 2)


def test_parquet_numbers_have_the_same_bins(tmp_path: Path) -> None:
    """Nulls and NaN are empty cells."""
    path = tmp_path / "people.parquet"
    ages = {"user": ["a", "b", "c"], "age": [65.0, None, float("nan")]}
    load(tmp_path)
    parquet.write_table(pa.table(ages), path)
    settings = AttributeTableSettings(path=path, columns=("age",), bins={"age": (25, 65)})
    sales = InteractionsSettings(path=tmp_path / "sales.csv")
    table = load_interactions(sales, ("i0", "age=65.."), attributes=settings)
    assert table.attributes is not None
    assert table.attributes.known[:, 0].tolist() == [True, False, False, False, False]
    assert table.attributes.labels(table.interactions)[:, 0].tolist() == [True, False, False, False, False]


@pytest.mark.parametrize("cell", ["young", "nan", "1e31"])
def test_what_is_no_number_in_a_column_with_bins_is_named(tmp_path: Path, cell: str) -> None:
    """File, row and column."""
    with pytest.raises(DataError, match=f"people.csv: row 5: column 'age': '{cell}'"):
        load(tmp_path, people=PEOPLE + f"u5,France,{cell},\n")


def test_a_bin_that_the_catalogue_lacks_is_named_by_its_edges(tmp_path: Path) -> None:
    """As a value would be."""
    with pytest.raises(DataError, match=r"row 2: column 'age': item 'age=25..65' is not in the catalogue"):
        load(tmp_path, ITEMS[1:], unknown_items="error", columns=("age",))


def test_a_number_without_bins_is_told_to_have_some(tmp_path: Path) -> None:
    """A fraction is no category."""
    table = pa.table({"user": ["a"], "height": [1.75]})
    parquet.write_table(table, tmp_path / "heights.parquet")
    load(tmp_path)
    settings = AttributeTableSettings(path=tmp_path / "heights.parquet", columns=("height",))
    what = r"row 1: column 'height': 1.75 is a number, and the column has no bins"
    with pytest.raises(DataError, match=what) as caught:
        load_interactions(InteractionsSettings(path=tmp_path / "sales.csv"), ITEMS, attributes=settings)
    assert 'bins = {"height" = [25, 40, 65]}, and the catalogue items height=..25' in caught.value.hint


def test_the_bins_of_the_catalogue_are_those_to_write(tmp_path: Path) -> None:
    """Its names give the edges; the first cell that is not empty is named."""
    people = "user,age\nu1,\nu2, 24 \nu3,7.5\n"
    items = ("i0", "age=-1.5..25", "age=25..", "age=..-1.5")
    with pytest.raises(DataError, match=r"row 2: column 'age': 24 is a number, and") as caught:
        load(tmp_path, items, people, columns=("age",), bins=None, unknown_items="error")
    assert caught.value.hint.endswith('under [attributes] in party.toml, bins = {"age" = [-1.5, 25]}')


@pytest.mark.parametrize(
    ("people", "items", "unknown"),
    [
        ("user,tier\nu1,1\nu2,2\n", ("i0", "tier=1"), "tier=2"),
        ("user,tier\nu1,gold\nu2,2\n", ("i0", "tier=..5"), "tier=gold"),
    ],
)
def test_categories_need_no_bins(tmp_path: Path, people: str, items: tuple[str, ...], unknown: str) -> None:
    """Numbers of which the catalogue has one, and words; what the catalogue lacks is named as ever."""
    with pytest.raises(DataError, match=f"item '{unknown}' is not in the catalogue"):
        load(tmp_path, items, people, columns=("tier",), bins=None, unknown_items="error")


def test_without_a_table_there_are_no_user_attributes(tmp_path: Path) -> None:
    """Whatever the items are called."""
    load(tmp_path)
    assert load_interactions(InteractionsSettings(path=tmp_path / "sales.csv"), ITEMS).attributes is None
