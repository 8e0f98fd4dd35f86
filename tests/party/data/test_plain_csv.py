"""The compiled reader of plain CSV files against pyarrow's: the same cells, the same errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feddmf.errors import DataError
from feddmf_party.data.arrow import pa
from feddmf_party.data.columns import texts
from feddmf_party.data.plain_csv import plain_rows
from feddmf_party.data.rest import Rest
from feddmf_party.data.tables import read_batches

PLAIN = 'note,user,item\nx,7,a\n,-12,é\n\n"a,\n,b",0,c\r\nlast,900719925474099312,d'


def cells(path: Path, *, plain: bool, block_bytes: int) -> list[tuple[int, str | None, str | None]] | str:
    """Return (row number, user, item) of each row, or the error."""
    found = []
    try:
        for batch in read_batches(
            path, ("user", "item"), block_bytes=block_bytes, plain_from=0 if plain else 1 << 60
        ):
            columns = [texts(batch, name).to_pylist() for name in ("user", "item")]
            found += [(batch.row(at), *row) for at, row in enumerate(zip(*columns, strict=True))]
    except DataError as error:
        return error.message
    return found


@pytest.mark.parametrize("block_bytes", [20, 64, 1 << 20])
def test_plain_rows_are_read_as_they_are_written(tmp_path: Path, block_bytes: int) -> None:
    """Quotes, line breaks in other columns, empty lines, either line end and none at the end of the file."""
    path = tmp_path / "a.csv"
    path.write_bytes(PLAIN.encode())
    found = cells(path, plain=True, block_bytes=block_bytes)
    assert found == [(1, "7", "a"), (2, "-12", "é"), (3, "0", "c"), (4, "900719925474099312", "d")]
    assert found == cells(path, plain=False, block_bytes=1 << 20)


def test_whole_numbers_need_no_text(tmp_path: Path) -> None:
    """A column is int64 where its digits are its cells; 007, 1.0 and 19 digits are text."""
    path = tmp_path / "a.csv"
    path.write_text("user,item\n5,007\n-6,7\n")
    records = plain_rows(path, ("user", "item"), ("item", "user"), 1 << 10)
    record = next(records)
    assert record.column("user").type == pa.int64()
    assert record.column("item").array().to_pylist() == ["007", "7"]
    with pytest.raises(StopIteration) as ended:
        next(records)
    assert ended.value.value is None
    for text in ("-0", "1.0", "+1", "1000000000000000000", "-", "1e3"):
        path.write_text(f"user,item\n5,{text}\n")
        record = next(plain_rows(path, ("user", "item"), ("item",), 1 << 10))
        assert record.column("item").array().to_pylist() == [text]


def test_an_odd_row_is_left_to_the_other_reader(tmp_path: Path) -> None:
    """What was read before it stays read, and it is named by its number in the file."""
    path = tmp_path / "a.csv"
    path.write_text('user,item\n1,a\n2,"b""c"\n3,d\n4\n')
    records = plain_rows(path, ("user", "item"), ("user", "item"), 1 << 10)
    assert next(records).num_rows == 1
    with pytest.raises(StopIteration) as ended:
        next(records)
    assert ended.value.value == Rest(14, 1)
    assert cells(path, plain=True, block_bytes=1 << 10) == f"{path}: row 4: 1 cells under 2 columns"


TEXTS = st.text(st.sampled_from('a1-,"\r\né0'), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    header=st.sampled_from(["user,item\n", "item,x,user\r\n", "\ufeffuser,item\n"]),
    body=TEXTS,
    size=st.sampled_from([24, 33, 1 << 12]),
)
def test_any_text_is_read_as_pyarrow_reads_it(tmp_path: Path, header: str, body: str, size: int) -> None:
    """Whatever stands below a header, cells, row numbers and errors are those of pyarrow alone."""
    path = tmp_path / "a.csv"
    path.write_bytes((header + body).encode())
    expected: Any = cells(path, plain=False, block_bytes=1 << 12)
    found = cells(path, plain=True, block_bytes=size)
    assert found == expected


def test_text_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    """In a column that is read it is, as pyarrow says it; in another it does not matter."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"note,user,item\n\xff,a,b\n")
    assert cells(path, plain=True, block_bytes=64) == [(1, "a", "b")]
    path.write_bytes(b"note,user,item\n" + b"x,a,b\n" * 9 + b",\xff,b\n,a,b\n")
    for block_bytes in (24, 1 << 10):
        said = cells(path, plain=True, block_bytes=block_bytes)
        assert said == f"{path}: row 10: column 'user': the text is not UTF-8"
