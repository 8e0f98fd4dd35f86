"""Named columns of a CSV or Parquet file, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feddmf.errors import DataError
from feddmf.progress import MEGA, NOBODY, Progress, Tally
from feddmf_party.data.arrow import ArrowError, csv, pa, parquet
from feddmf_party.data.parsed_csv import parsed_records
from feddmf_party.data.reading import check_columns, reading
from feddmf_party.data.settings import TableFormat

__all__ = ["BLOCK_BYTES", "ROW_BYTES", "Batch", "numbered", "read_batches"]

BLOCK_BYTES = 1 << 23
"""How much of a table is in memory at a time, about."""

ROW_BYTES = 64
"""A guess that turns BLOCK_BYTES into rows, the unit of Parquet and of databases."""

_SUFFIXES: Mapping[str, TableFormat] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive rows of a table; `columns` maps each name asked for to a pyarrow array, or to PlainCells.

    source: the file, or the table or query of a database, as messages name it.
    """

    source: Path | str
    first_row: int
    columns: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return min(map(len, self.columns.values()), default=0)

    def column(self, name: str) -> Any:
        """Return a column as a pyarrow array [rows]."""
        column = self.columns[name]
        return column if isinstance(column, pa.Array) else column.array()

    def row(self, index: int) -> int:
        """Return the table's row number, from 1 without the header, of row `index` of this batch."""
        return self.first_row + int(index)

    def fault(self, index: int, column: str, problem: str, *, hint: str) -> DataError:
        """Return the error for one cell, naming file, row and column."""
        return DataError(f"{self.source}: row {self.row(index)}: column {column!r}: {problem}", hint=hint)


def read_batches(
    path: Path,
    columns: Sequence[str],
    *,
    table_format: TableFormat = "auto",
    block_bytes: int = BLOCK_BYTES,
    plain_from: float = math.inf,
    progress: Progress = NOBODY,
) -> Iterator[Batch]:
    """Yield the `columns` of the file in batches of about `block_bytes`; cells of a CSV are text or null.

    plain_from: size in bytes of a CSV from which on cells that are plain whole numbers may be int64;
    progress: hears how much of the file has been read. Raises DataError where the file is missing, is not
    what `table_format` says, has no rows, or lacks a column or has it twice.
    """
    with reading(path, "a file"):
        problem = "no such file" if not path.exists() else "not a file" if not path.is_file() else ""
    if problem:
        raise DataError(f"{path}: {problem}", hint="name one existing CSV or Parquet file")
    kind = _format(path, table_format)
    read = _parquet_batches if kind == "parquet" else parsed_records
    size = path.stat().st_size
    if kind == "csv" and size >= plain_from:
        read = _large_csv_batches
    tally = Tally(progress, size, f"MB of {path.name} read", unit=MEGA)
    batches = read(path, tuple(columns), block_bytes, at=tally.reach)
    yield from numbered(path, batches, columns, hint="name a file with at least one row under its header")
    tally.reach(size)


def numbered(
    source: Path | str, records: Iterable[Any], columns: Sequence[str], *, hint: str
) -> Iterator[Batch]:
    """Yield pyarrow's record batches of `source`, or PlainRows, as batches.

    Raises DataError with `hint` where there is no row.
    """
    rows = 0
    for record in records:
        yield Batch(source, rows + 1, {name: _decoded(record.column(name)) for name in columns})
        rows += record.num_rows
    if not rows:
        raise DataError(f"{source}: no rows", hint=hint)


def _decoded(column: Any) -> Any:
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def _format(path: Path, table_format: TableFormat) -> TableFormat:
    if table_format != "auto":
        return table_format
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(
            f"{path}: the suffix {path.suffix!r} says neither CSV nor Parquet",
            hint='set format = "csv" or format = "parquet"',
        )
    return _SUFFIXES[path.suffix.lower()]


def _large_csv_batches(
    path: Path, columns: tuple[str, ...], block_bytes: int, *, at: Callable[[int], object]
) -> Iterator[Any]:
    # The compiled kernels take longer to load than a small file to read.
    from feddmf_party.data.plain_csv import plain_rows

    parse = csv.ParseOptions(newlines_in_values=True)
    try:
        with csv.open_csv(
            path, read_options=csv.ReadOptions(use_threads=False), parse_options=parse
        ) as header:
            names = header.schema.names
    except (ArrowError, OSError, UnicodeDecodeError):
        # Who reads all of it says what is wrong.
        yield from parsed_records(path, columns, block_bytes, at=at)
        return
    with reading(path, "CSV"):
        check_columns(path, names, columns)
        rest = yield from plain_rows(path, names, columns, block_bytes, at)
    if rest is not None:
        names = names if rest.offset else ()
        yield from parsed_records(path, columns, block_bytes, names=names, rest=rest, at=at)


def _parquet_batches(
    path: Path, columns: tuple[str, ...], block_bytes: int, *, at: Callable[[int], object]
) -> Iterator[Any]:
    with reading(path, "Parquet"), parquet.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow.names, columns)
        size, rows, done = path.stat().st_size, file.metadata.num_rows, 0
        for record in file.iter_batches(max(1, block_bytes // ROW_BYTES), columns=list(columns)):
            record.validate(full=True)  # some writers call bytes text that are not UTF-8
            yield record
            done += record.num_rows
            at(size * done // rows)
