"""Tables of users for an evaluation, and bins given on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import DataError, InputError
from feddmf_party.evaluating.attribute_table import parse_bins, read_attributes


def test_every_column_but_the_users_is_an_attribute(tmp_path: Path) -> None:
    """Empty cells are no value; whole numbers are."""
    path = tmp_path / "users.csv"
    path.write_text("who,sex,age\nu1,f,30\nu2,,40\nu3,m,30\n")
    table = read_attributes(path, "who")
    assert table.having("age=30") == {"u1", "u3"}
    assert table.known("sex=f") == {"u1", "u3"}
    assert table.known("age=40") == {"u1", "u2", "u3"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who,sex\nu1,f\nu1,m\n", "users.csv: row 2: column 'who': user 'u1' is in row 1 too"),
        ("who\nu1\n", "users.csv: no column beside 'who'"),
        ("who,a=b\nu1,f\n", "column 'a=b' has = in its name"),
        ("name,sex\nu1,f\n", "no column 'who'"),
        ("who,height\nu1,f\nu2", "row 2: 1 cells under 2 columns"),
    ],
)
def test_a_table_of_attributes_that_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    """File, row and column."""
    path = tmp_path / "users.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_attributes(path, "who")


def test_numbers_are_read_by_bins(tmp_path: Path) -> None:
    """An edge belongs to the bin above it; other columns stay categories."""
    path = tmp_path / "users.csv"
    path.write_text("who,age,sex\nu1,24.5,f\nu2,25,m\nu3,,f\nu4,70,m\n")
    table = read_attributes(path, "who", {"age": (25.0, 65.0)})
    assert dict(table.columns["age"]) == {"..25": {"u1"}, "25..65": {"u2"}, "65..": {"u4"}}
    assert table.valued() == {"age": {"u1", "u2", "u4"}, "sex": {"u1", "u2", "u3", "u4"}}


def numbers(count: int) -> str:
    """Return a table of users whose weights all differ."""
    return "who,weight\n" + "".join(f"u{n},{n + 50}\n" for n in range(count))


def test_a_column_of_many_numbers_needs_bins(tmp_path: Path) -> None:
    """More than twenty different numbers are amounts; with bins, or as names, they may be as many."""
    path = tmp_path / "users.csv"
    path.write_text(numbers(21))
    with pytest.raises(
        DataError, match=r"column 'weight' holds 21 different numbers, from 50 to 70"
    ) as caught:
        read_attributes(path, "who")
    assert "--bins weight=EDGE,EDGE" in caught.value.hint
    assert set(read_attributes(path, "who", {"weight": (60,)}).columns["weight"]) == {"..60", "60.."}
    path.write_text(numbers(20))
    assert len(read_attributes(path, "who").columns["weight"]) == 20
    path.write_text(numbers(21) + "u99,heavy\n")
    assert len(read_attributes(path, "who").columns["weight"]) == 22


def test_bins_of_a_column_that_is_not_there_and_of_text_are_named(tmp_path: Path) -> None:
    """File, and where there is one, row and column."""
    path = tmp_path / "users.csv"
    path.write_text("who,sex\nu1,f\n")
    with pytest.raises(InputError, match=r"users.csv: no column 'age' to have bins"):
        read_attributes(path, "who", {"age": (25.0,)})
    with pytest.raises(DataError, match="row 1: column 'sex': 'f' cannot be read as a number"):
        read_attributes(path, "who", {"sex": (25.0,)})


def test_bins_are_given_as_column_and_edges() -> None:
    """One text a column."""
    assert parse_bins(["age=25,40", "height=1.7"]) == {"age": (25.0, 40.0), "height": (1.7,)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["age"], "--bins age is not COLUMN=EDGE,EDGE"),
        (["=25"], "--bins =25 is not COLUMN=EDGE,EDGE"),
        (["age=25", "age=40"], "--bins age=40: age has bins already"),
        (["age=40,25"], "--bins age=40,25: bins.age does not ascend: 25 comes after 40"),
        (["age=young"], "--bins age=young: could not convert"),
        (["age="], "--bins age=: could not convert"),
        (["age=inf"], "bins.age has an edge that is no finite number"),
    ],
)
def test_bins_that_cannot_be_are_named(given: list[str], message: str) -> None:
    """As they were given."""
    with pytest.raises(InputError, match=message):
        parse_bins(given)
