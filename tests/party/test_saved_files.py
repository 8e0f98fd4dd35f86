"""Files of predictions that were written before: users' rows are taken out, all others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.saved_files import erase_from

CSV = 'user,attribute,probability\nann,pen,0.5\n"b,ob",pen,0.25\nann,cup,0.125\n'


def test_rows_leave_a_csv(tmp_path: Path) -> None:
    """Quoted cells too; the second time there is nothing left to take out."""
    path = tmp_path / "audience.csv"
    path.write_text(CSV)
    assert erase_from(path, ["ann"]) == 2
    assert path.read_text() == 'user,attribute,probability\n"b,ob",pen,0.25\n'
    assert erase_from(path, ["ann"]) == 0
    assert erase_from(path, ["b,ob", "zoe"]) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_rows_leave_a_parquet_file(tmp_path: Path) -> None:
    """Row group by row group; what the file says of itself stays."""
    path = tmp_path / "ranking.parquet"
    schema = pa.schema([("user", pa.string()), ("rank", pa.int32())], metadata={"feddmf.run": "r-1"})
    table = pa.Table.from_arrays(
        [pa.array(["ann", "bob", "ann"]), pa.array([1, 2, 3], pa.int32())], schema=schema
    )
    parquet.write_table(table, path, row_group_size=1)
    assert erase_from(path, ["ann"]) == 2
    left = parquet.read_table(path)
    assert left.to_pydict() == {"user": ["bob"], "rank": [2]}
    assert left.schema.metadata[b"feddmf.run"] == b"r-1"
    assert erase_from(path, ["ann"]) == 0


def test_what_is_no_such_file_stays_as_it_is(tmp_path: Path) -> None:
    """Another format, another table, none at all."""
    for name, content, message in (
        ("a.txt", b"ann", "cannot tell the format"),
        ("a.csv", b"name\nann\n", "has no column user"),
        ("b.csv", b"user\n\xff\n", "cannot read"),
        ("a.parquet", b"ann", "cannot read"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            erase_from(path, ["ann"])
        assert path.read_bytes() == content
    with pytest.raises(InputError, match="cannot read"):
        erase_from(tmp_path / "gone.csv", ["ann"])
    parquet.write_table(pa.table({"name": ["ann"]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="has no column user"):
        erase_from(tmp_path / "b.parquet", ["ann"])
