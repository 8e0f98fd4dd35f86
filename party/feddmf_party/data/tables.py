"""Named columns of a CSV or Parquet file, chunk by chunk."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feddmf.errors import DataError
from feddmf_party.data.arrow import ArrowError, csv, pa, parquet
from feddmf_party.data.settings import TableFormat

__all__ = ["BLOCK_BYTES", "Batch", "read_batches"]

BLOCK_BYTES = 1 << 24
"""How much of a file is read at a time."""

_BYTES_A_ROW = 64  # a guess that turns BLOCK_BYTES into Parquet's unit, rows
_SUFFIXES: Mapping[str, TableFormat] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive rows of `path`; `columns` maps each name asked for to a pyarrow array [rows]."""

    path: Path
    first_row: int
    columns: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return min(map(len, self.columns.values()), default=0)

    def row(self, index: int) -> int:
        """Return the file's row number, from 1 without the header, of row `index` of this batch."""
        return self.first_row + int(index)

    def fault(self, index: int, column: str, problem: str, *, hint: str) -> DataError:
        """Return the error for one cell, naming file, row and column."""
        return DataError(f"{self.path}: row {self.row(index)}: column {column!r}: {problem}", hint=hint)


def read_batches(
    path: Path,
    columns: Sequence[str],
    *,
    table_format: TableFormat = "auto",
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Yield the `columns` of the file in batches of about `block_bytes`; cells of a CSV are text or null.

    Raises DataError where the file is missing, is not what `table_format` says, has no rows, or lacks a
    column or has it twice.
    """
    with _reading(path, "a file"):
        problem = "no such file" if not path.exists() else "not a file" if not path.is_file() else ""
    if problem:
        raise DataError(f"{path}: {problem}", hint="name one existing CSV or Parquet file")
    kind = _format(path, table_format)
    batches = (_csv_batches if kind == "csv" else _parquet_batches)(path, tuple(columns), block_bytes)
    rows = 0
    for record in batches:
        yield Batch(path, rows + 1, {name: _plain(record.column(name)) for name in columns})
        rows += record.num_rows
    if not rows:
        raise DataError(f"{path}: no rows", hint="name a file with at least one row under its header")


def _plain(column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _format(path: Path, table_format: TableFormat) -> TableFormat:
    if table_format != "auto":
        return table_format
    if path.suffix.lower() not in _SUFFIXES:
        raise DataError(
            f"{path}: the suffix {path.suffix!r} says neither CSV nor Parquet",
            hint='set format = "csv" or format = "parquet"',
        )
    return _SUFFIXES[path.suffix.lower()]


def _csv_batches(path: Path, columns: tuple[str, ...], block_bytes: int) -> Iterator[Any]:
    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    # One thread, since only then does pyarrow know the number of a row that it refuses.
    read = csv.ReadOptions(block_size=block_bytes, use_threads=False)
    parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse)
    # Text only: "007" stays "007", and a type guessed from the first block cannot fail on a later one.
    convert = csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.large_string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        with _reading(path, "CSV"):
            with csv.open_csv(path, read_options=read, parse_options=parse) as header:
                names = header.schema.names
            _check_columns(path, names, columns)
            with csv.open_csv(
                path, read_options=read, parse_options=parse, convert_options=convert
            ) as reader:
                yield from reader
    except DataError as error:
        if not ragged or ragged[-1].number is None:
            raise
        row = ragged[-1]
        raise DataError(
            f"{path}: row {row.number - 1}: {row.actual_columns} cells under {row.expected_columns} columns",
            hint="quote cells that hold a comma, and give each row one cell for each column",
        ) from error


def _parquet_batches(path: Path, columns: tuple[str, ...], block_bytes: int) -> Iterator[Any]:
    with _reading(path, "Parquet"), parquet.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow.names, columns)
        for record in file.iter_batches(max(1, block_bytes // _BYTES_A_ROW), columns=list(columns)):
            record.validate(full=True)  # some writers call bytes text that are not UTF-8
            yield record


@contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    """Turn what pyarrow and the operating system say about a file into a DataError that names it."""
    try:
        yield
    except (ArrowError, OSError, UnicodeDecodeError) as error:
        if "empty csv file" in str(error).lower():
            raise DataError(f"{path}: empty", hint="name a CSV file with a header and rows") from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: cannot be read as {kind}: {reason}",
            hint="check that it may be read, is whole, has its text in UTF-8, and is of the format set",
        ) from error


def _check_columns(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    if not names:
        raise DataError(f"{path}: no columns", hint="name a file with columns and rows")
    for column in columns:
        if column not in names:
            shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
            raise DataError(f"{path}: no column {column!r}; it has {shown}", hint=_suggest(column, names))
        if list(names).count(column) > 1:
            raise DataError(
                f"{path}: column {column!r} occurs more than once", hint="give each column its own name"
            )


def _suggest(column: str, names: Sequence[str]) -> str:
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        return "the header holds no comma: write the file with commas between the cells"
    plain = {name.strip().casefold(): name for name in names}
    near = difflib.get_close_matches(column.strip().casefold(), plain, n=1)
    return f"did you mean {plain[near[0]]!r}?" if near else "set the column's name as the file has it"
