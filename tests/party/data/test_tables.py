"""Reading named columns of CSV and Parquet files, and what is said where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import DataError
from feddmf_party.data import parsed_csv
from feddmf_party.data.arrow import pa, parquet
from feddmf_party.data.tables import read_batches

COLUMNS = ("user", "item")


def rows(path: Path, **options: Any) -> list[tuple[Any, ...]]:
    """Return all rows as tuples (row number, user, item)."""
    found = []
    for batch in read_batches(path, COLUMNS, **options):
        cells = [batch.column(name).to_pylist() for name in COLUMNS]
        found += [(batch.row(index), *row) for index, row in enumerate(zip(*cells, strict=True))]
    return found


def test_csv_cells_are_text(tmp_path: Path) -> None:
    """Ids in a CSV stay as they are written, and only empty cells are null."""
    path = tmp_path / "a.csv"
    path.write_text('user,note,item\n007,x,NA\n17850.0,y,""\n,z,"a,\nb"\n')
    assert rows(path) == [(1, "007", "NA"), (2, "17850.0", None), (3, None, "a,\nb")]


def test_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    """A CSV as Excel saves it reads as any other."""
    path = tmp_path / "a.CSV"
    path.write_bytes("\ufeffuser,item\r\nä,1\r\n".encode())
    assert rows(path) == [(1, "ä", "1")]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_keep_their_numbers_over_blocks(tmp_path: Path, suffix: str) -> None:
    """A file that is read in many blocks gives the same rows, numbered from 1."""
    path = tmp_path / f"a.{suffix}"
    expected = [(number, str(number), f"i{number}") for number in range(1, 101)]
    if suffix == "csv":
        path.write_text("user,item\n" + "".join(f"{user},{item}\n" for _, user, item in expected))
    else:
        users, items = [row[1] for row in expected], [row[2] for row in expected]
        parquet.write_table(pa.table({"item": items, "user": users}), path)
    batches = list(read_batches(path, COLUMNS, block_bytes=256))
    assert len(batches) > 1
    assert batches[1].first_row == batches[0].rows + 1
    assert rows(path, block_bytes=256) == expected


def test_dictionary_columns_are_plain(tmp_path: Path) -> None:
    """A Parquet column with a dictionary, as pandas writes categories, reads as its values."""
    path = tmp_path / "a.pq"
    parquet.write_table(pa.table({"user": pa.array(["a", None]).dictionary_encode(), "item": [1, 2]}), path)
    assert rows(path) == [(1, "a", 1), (2, None, 2)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv: empty"),
        ("a.csv", b"\n\n", "a.csv: empty"),
        ("a.csv", b"user,item\n", "a.csv: no rows"),
        ("a.csv", b"user,item\na,b\n\nc,d,e\n", r"a.csv: row \d: 3 cells under 2 columns"),
        ("a.csv", b"user,item\na,\xff\n", "a.csv: cannot be read as CSV: .*UTF8"),
        ("a.csv", b"us\xffer,item\na,b\n", "a.csv: cannot be read as CSV"),
        ("a.csv", b'user,item\n"a,b\nc,d\n', "a.csv: "),
        ("a.parquet", b"user,item\na,b\n", "a.parquet: cannot be read as Parquet"),
        ("a.parquet", b"", "a.parquet: cannot be read as Parquet"),
        ("a.txt", b"user,item\na,b\n", "neither CSV nor Parquet"),
        ("a.csv", b"user,item,user\na,b,c\n", "column 'user' occurs more than once"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """A file that is empty, broken or of another kind is a DataError with its name and a hint."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        rows(path)
    assert caught.value.hint


def test_ragged_row_is_numbered(tmp_path: Path) -> None:
    """A row with a cell too many is named by its number, also deep in the file."""
    path = tmp_path / "a.csv"
    path.write_text("user,item\n" + "a,b\n" * 40 + "c,d,e\n")
    with pytest.raises(DataError, match="row 41: 3 cells under 2 columns"):
        rows(path, block_bytes=64)


@pytest.mark.parametrize("plain_from", [0, 1 << 30])
def test_a_ragged_row_need_not_be_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], plain_from: int
) -> None:
    """Bytes that are not UTF-8 do not hide its number, and nothing is printed."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item\na,b\n\xff,b,c\n")
    with pytest.raises(DataError, match="row 2: 3 cells under 2 columns"):
        rows(path, plain_from=plain_from)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("plain_from", [0, 1 << 30])
def test_a_long_row_is_read(tmp_path: Path, plain_from: int) -> None:
    """Rows before and after it too, each once; what is ragged further down has its number."""
    path = tmp_path / "a.csv"
    long = "z" * (3 << 20)
    lines = [*(f"{number},b," for number in range(60_000)), f"c,d,{long}", "e,f,"]
    path.write_text("\n".join(["user,item,note", *lines]))
    found = rows(path, plain_from=plain_from)
    assert [row[0] for row in found] == list(range(1, 60_003))
    assert found[-2:] == [(60_001, "c", "d"), (60_002, "e", "f")]
    path.write_text("\n".join(["user,item,note", *lines, "g"]))
    with pytest.raises(DataError, match="row 60003: 1 cells under 3 columns"):
        rows(path, plain_from=plain_from)


@pytest.mark.parametrize("plain_from", [0, 1 << 30])
@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("user,item\na,b\nc,{long}\n", "row 2"),
        ('user,item\na,b\nc,d\n"e,f\n{long}\n', "row 3"),
        ("user,item,{long}\na,b,c\n", "the header"),
    ],
)
def test_a_row_past_the_limit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, where: str, plain_from: int
) -> None:
    """A row that is too long, or never ends, with the limit and what to do."""
    monkeypatch.setattr(parsed_csv, "_LONGEST_ROW", 1 << 20)
    path = tmp_path / "a.csv"
    path.write_text(content.format(long="z" * (5 << 20)))
    with pytest.raises(DataError, match=f"a.csv: {where} is longer than 1 MiB") as caught:
        rows(path, plain_from=plain_from, block_bytes=1 << 20)
    assert "Parquet" in caught.value.hint


def test_truncated_parquet_is_named(tmp_path: Path) -> None:
    """A Parquet file whose end or middle is damaged is a DataError, whatever pyarrow raises."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"user": ["u" * 9] * 99, "item": ["i" * 9] * 99}), path, compression="none")
    whole = path.read_bytes()
    for damaged in (whole[:-20], b"PAR1" + bytes(100) + whole[104:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a.parquet: cannot be read as Parquet"):
            rows(path)


@pytest.mark.parametrize(
    "columns", [{}, {"user": pa.array([], pa.string()), "item": pa.array([], pa.string())}]
)
def test_parquet_without_rows_or_columns_is_named(tmp_path: Path, columns: dict[str, Any]) -> None:
    """A Parquet file with no columns, or with no rows, is a DataError."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match="no columns" if not columns else "no rows"):
        rows(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    """A path with nothing, or with a folder, is a DataError."""
    with pytest.raises(DataError, match=r"b.csv: no such file"):
        rows(tmp_path / "b.csv")
    with pytest.raises(DataError, match="not a file"):
        rows(tmp_path)
    with pytest.raises(DataError, match="File name too long"):
        rows(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("User,item", "did you mean 'User'?"),
        (" user,item", "did you mean ' user'?"),
        ("usr,item", "did you mean 'usr'?"),
        ("kunde,item", "set the column's name"),
        ("user;item", "write the file with commas"),
    ],
)
def test_missing_column_lists_and_suggests(tmp_path: Path, header: str, hint: str) -> None:
    """A missing column names those that exist, and the nearest."""
    path = tmp_path / "a.csv"
    path.write_text(header + "\n" + ",".join("x" * (header.count(",") + 1)) + "\n")
    with pytest.raises(DataError, match="no column 'user'; it has '") as caught:
        rows(path)
    assert hint in caught.value.hint


def test_format_overrides_the_suffix(tmp_path: Path) -> None:
    """A CSV may have any name where the format is given."""
    path = tmp_path / "a.txt"
    path.write_text("user,item\na,b\n")
    assert rows(path, table_format="csv") == [(1, "a", "b")]
