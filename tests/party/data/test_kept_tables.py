"""A table that was read is kept; what it was read from decides whether it is used again."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes
from feddmf_party.data import (
    AttributeTableSettings,
    InteractionsSettings,
    PartyTable,
    digests,
    load_interactions,
)
from feddmf_party.data.kept_tables import KeptTables
from feddmf_party.data.mapped_file import map_arrays, write_arrays

ITEMS = ("i0", "i1", "country=France", "country=Japan")
SALES = "user,item,quantity\nä,i0,3\nu1,i1,1\nä,i0,0.5\n"
PEOPLE = "user,country\nä,France\nu9,Japan\nu3,\n"


@pytest.fixture(autouse=True)
def _small_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tables of any size."""
    monkeypatch.setattr(digests.Origin.of.__func__, "__kwdefaults__", {"least_bytes": 0})


class Company:
    """The tables of a company, and what it reads of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sales, self.people, self.kept = folder / "s.csv", folder / "p.csv", folder / "tables"
        self.sales.write_text(SALES)
        self.people.write_text(PEOPLE)

    def load(self, items: tuple[str, ...] = ITEMS, **keys: Any) -> PartyTable:
        """Read both tables."""
        keys = {"path": self.sales, "value_column": "quantity", **keys}
        people = AttributeTableSettings(path=self.people, columns=("country",))
        return load_interactions(InteractionsSettings(**keys), items, attributes=people, keep_in=self.kept)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """Write the tables."""
    return Company(tmp_path)


def content(table: PartyTable) -> list[object]:
    """Return all that a table holds but whether it was kept."""
    pairs, attributes = table.interactions, table.attributes
    arrays = [pairs.indptr, pairs.indices, pairs.values]
    if attributes is not None:
        arrays += [attributes.codes, attributes.known]
    counts = [getattr(table, name) for name in vars(table) if name.startswith(("rows", "attribute"))]
    columns = attributes and (attributes.columns, attributes.min_users)
    return [
        *((a.dtype, a.shape, a.tobytes()) for a in arrays),
        table.user_ids,
        counts[:-1],
        columns,
        pairs.items,
    ]


def test_a_second_start_has_the_same_table(company: Company) -> None:
    """All of it is kept, attributes too, in a folder that is the owner's alone, and can be written to."""
    first, second = company.load(), company.load()
    assert (first.kept, second.kept) == (False, True)
    assert content(first) == content(second)
    assert second.user_ids == ("u1", "u3", "u9", "ä")
    assert second.interactions.values.flags.writeable
    assert stat.S_IMODE(company.kept.stat().st_mode) == 0o700


def test_only_content_counts(company: Company) -> None:
    """A copy elsewhere is the same table; another content under the same size and time is not."""
    company.load()
    copy = company.folder / "copy.csv"
    copy.write_text(SALES)
    assert company.load(path=copy).kept
    before = company.sales.stat()
    company.sales.write_text(SALES.replace("0.5", "1.5"))
    os.utime(company.sales, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert company.sales.stat().st_size == before.st_size
    again = company.load()
    assert not again.kept
    assert 4.5 in again.interactions.values


@pytest.mark.parametrize(
    "changed",
    [{"value_column": None}, {"min_value": 1.0}, {"unknown_items": "skip"}, {"items": (*ITEMS[::-1],)}],
)
def test_what_the_codes_depend_on_counts(company: Company, changed: dict[str, Any]) -> None:
    """With another setting or another order of items the table is read anew."""
    company.load()
    assert not company.load(**changed).kept
    assert company.load(**changed).kept
    assert company.load().kept


def test_the_other_table_counts_too(company: Company) -> None:
    """Where the attribute table changes, the whole is read anew."""
    company.load()
    company.people.write_text(PEOPLE.replace("Japan", "France"))
    assert not company.load().kept


@pytest.mark.parametrize("damage", ["cut", "foreign", "folder"])
def test_a_damaged_table_is_read_anew(company: Company, damage: str) -> None:
    """What is torn, or is the table of another key, is recognised and written again."""
    expected = content(company.load())
    [path] = company.kept.iterdir()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "foreign":
        company.load(min_value=1.0)
        [other] = set(company.kept.iterdir()) - {path}
        other.replace(path)
    else:
        path.unlink()
        path.mkdir()
    again = company.load()
    assert not again.kept
    assert content(again) == expected
    assert company.load().kept == (damage != "folder")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("indptr", [1, 2, 2, 3, 4]),
        ("indptr", [0, 2, 1, 3, 4]),
        ("indptr", [0, 1, 2, 3, 5]),
        ("indptr", [0, 1, 4]),
        ("indptr", []),
        ("indices", [0, 1, 2, 4]),
        ("indices", [0, 1, 2, -1]),
        ("indices", [0, 1, 2]),
        ("values", [1]),
        ("id_ends", [0, 2, 4, 6]),
        ("id_ends", [0, 2, 4, 6, 9]),
        ("id_ends", [0, 4, 2, 6, 8]),
        ("ids", list(b"u1u3u9\xff\xff")),
        ("codes", [2, 4]),
        ("codes", [-1, 2]),
        ("codes", [2]),
        ("columns", [0, 1]),
        ("columns", [0]),
        ("known", [[True, True]]),
        ("known", [True, True]),
    ],
)
def test_a_table_that_does_not_fit_together_is_read_anew(
    company: Company, name: str, cells: list[Any]
) -> None:
    """A file that is whole, with rows, codes or ids that cannot be, is recognised and written again."""
    expected = content(company.load())
    [path] = company.kept.iterdir()
    arrays, metadata = map_arrays(path)
    assert arrays["indptr"].tolist() == [0, 1, 1, 2, 4]
    write_arrays(path, {**arrays, name: np.array(cells, dtype=arrays[name].dtype)}, metadata)
    again = company.load()
    assert not again.kept
    assert content(again) == expected
    assert company.load().kept


def test_any_number_of_attributes_is_found_again(tmp_path: Path) -> None:
    """Names of their columns do not outgrow the header of the file."""
    count = 120_000
    pairs = Interactions.from_pairs(np.array([0]), np.array([0]), shape=(2, count + 1))
    columns = ("town", *("postcode",) * (count - 1))
    attributes = UserAttributes(np.arange(1, count + 1), columns, np.ones((2, count), dtype=np.bool_))
    kept = KeptTables(tmp_path)
    kept.put("k", PartyTable(pairs, ("a", "b"), 1, 1, 0, 0, attributes=attributes))
    found = kept.get("k")
    assert found is not None
    assert found.attributes is not None
    assert found.attributes.columns == columns


def test_the_latest_are_kept(company: Company) -> None:
    """Old tables go, and with them what a process that died was writing."""
    company.kept.mkdir()
    (company.kept / ".x.part").write_text("half")
    for least in range(6):
        company.load(min_value=float(least))
    assert len(list(company.kept.iterdir())) == 4
    assert company.load(min_value=5.0).kept
    assert not company.load(min_value=0.0).kept


def test_a_file_written_to_while_it_was_read_is_not_kept(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest would be of what was there before."""
    monkeypatch.setattr(digests.Origin, "unchanged", property(lambda _: False))
    company.load()
    assert not company.kept.exists()


def test_origins_tell_whether_a_file_was_written_to(company: Company) -> None:
    """Size, times and inode tell that of a file that was digested before."""
    settings = InteractionsSettings(path=company.sales)
    origin = digests.Origin.of(settings, ITEMS, None, least_bytes=0)
    assert origin is not None
    assert origin.unchanged
    company.sales.write_text(SALES)
    assert not origin.unchanged


def test_small_files_are_not_kept(company: Company) -> None:
    """They are read as fast as they are digested."""
    settings = InteractionsSettings(path=company.sales)
    assert digests.Origin.of(settings, ITEMS, None, least_bytes=1000) is None


def test_a_database_is_kept_when_its_owner_says_what_changes(tmp_path: Path) -> None:
    """Without `cache_query` it is read each time; with it, when the value has changed."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute('CREATE TABLE sales ("user", item)')
        connection.execute("INSERT INTO sales VALUES ('u1', 'i0')")

    def load(**keys: str) -> PartyTable:
        settings = InteractionsSettings(url=f"sqlite:///{path}", table="sales", **keys)
        return load_interactions(settings, ITEMS, keep_in=tmp_path / "tables")

    assert not any(load().kept for _ in range(2))
    count = {"cache_query": "SELECT count(*) FROM sales;"}
    assert [load(**count).kept for _ in range(2)] == [False, True]
    with connection:
        connection.execute("INSERT INTO sales VALUES ('u2', 'i1')")
    connection.close()
    assert load(**count).user_ids == ("u1", "u2")
