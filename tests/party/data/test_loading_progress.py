"""Whoever loads a table hears how much of it has been read."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from feddmf_party.data import InteractionsSettings, load_interactions
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.data.tables import read_batches
from support.heard import Heard

_ROWS = 120_000


def _told_rightly(heard: Heard, total: int, what: str) -> bool:
    """Tell whether `heard` went up from 0 to `total`, with steps between."""
    done = [each[0] for each in heard.told]
    return (
        {each[1:] for each in heard.told} == {(total, what)}
        and (done[0], done[-1]) == (0, total)
        and done == sorted(done)
        and len(done) > 2
    )


@pytest.mark.parametrize("plain_from", [0, math.inf])
@pytest.mark.parametrize("first", ["7,i1", '"a ""b""",i1'])
def test_of_a_csv_so_many_mb(tmp_path: Path, plain_from: float, first: str) -> None:
    """Whoever reads it: the compiled kernels, pyarrow, or the one after the other."""
    path = tmp_path / "sales.csv"
    path.write_text("user,item,note\n" + f"12345,i1,{'x' * 20}\n" * _ROWS + f"{first},\n" * 10)
    heard = Heard()
    batches = read_batches(path, ("user", "item"), block_bytes=1 << 20, plain_from=plain_from, progress=heard)
    assert sum(batch.rows for batch in batches) == _ROWS + 10
    assert _told_rightly(heard, 4, "MB of sales.csv read")


def test_of_a_parquet_file_so_many_mb(tmp_path: Path) -> None:
    """By its rows, since its columns are read in pieces of their own."""
    path = tmp_path / "sales.parquet"
    users = pa.array([f"{number * 7_919:030}" for number in range(_ROWS)])
    parquet.write_table(
        pa.table({"user": users, "item": users}), path, compression="none", use_dictionary=False
    )
    heard = Heard()
    batches = read_batches(path, ("user",), block_bytes=1 << 20, progress=heard)
    assert sum(batch.rows for batch in batches) == _ROWS
    assert _told_rightly(heard, 9, "MB of sales.parquet read")


def test_of_a_database_so_many_rows(tmp_path: Path) -> None:
    """Of nobody knows how many."""
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("CREATE TABLE sales (user TEXT, item TEXT)")
        shop.executemany("INSERT INTO sales VALUES (?, ?)", [("u1", "i0"), ("u2", "i1"), ("u2", "i0")])
    shop.close()
    heard = Heard()
    settings = InteractionsSettings(url=f"sqlite:///{tmp_path / 'shop.db'}", table="sales")
    load_interactions(settings, ("i0", "i1"), progress=heard)
    assert [each[:2] for each in heard.told] == [(0, None), (3, None)]
    assert heard.told[0][2].startswith("rows of ")
