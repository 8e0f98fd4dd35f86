"""Named columns of a CSV or Parquet file, chunk by chunk."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feddmf.errors import DataError
from feddmf_party.data.arrow import ArrowError, csv, pa, parquet
from feddmf_party.data.rest import Rest
from feddmf_party.data.settings import TableFormat

__all__ = ["BLOCK_BYTES", "ROW_BYTES", "Batch", "check_columns", "numbered", "read_batches"]

BLOCK_BYTES = 1 << 23
"""How much of a table is in memory at a time, about."""

ROW_BYTES = 64
"""A guess that turns BLOCK_BYTES into rows, the unit of Parquet and of databases."""

# A CSV is parsed in pieces that fit the processor's cache, in half the time and a fifth of the memory; no row
# of it may be longer than two of them.
_PIECE_BYTES = 1 << 19
_SUFFIXES: Mapping[str, TableFormat] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_SHOWN = 20
_WHOLE = Rest()


@dataclass(frozen=True, eq=False)
class Batch:
    """Consecutive rows of a table; `columns` maps each name asked for to a pyarrow array [rows].

    source: the file, or the table or query of a database, as messages name it.
    """

    source: Path | str
    first_row: int
    columns: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return min(map(len, self.columns.values()), default=0)

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
) -> Iterator[Batch]:
    """Yield the `columns` of the file in batches of about `block_bytes`; cells of a CSV are text or null.

    plain_from: size in bytes of a CSV from which on cells that are plain whole numbers may be int64.
    Raises DataError where the file is missing, is not what `table_format` says, has no rows, or lacks a
    column or has it twice.
    """
    with _reading(path, "a file"):
        problem = "no such file" if not path.exists() else "not a file" if not path.is_file() else ""
    if problem:
        raise DataError(f"{path}: {problem}", hint="name one existing CSV or Parquet file")
    kind = _format(path, table_format)
    read = _parquet_batches if kind == "parquet" else _parsed
    if kind == "csv" and path.stat().st_size >= plain_from:
        read = _large_csv_batches
    batches = read(path, tuple(columns), block_bytes)
    yield from numbered(path, batches, columns, hint="name a file with at least one row under its header")


def numbered(
    source: Path | str, records: Iterable[Any], columns: Sequence[str], *, hint: str
) -> Iterator[Batch]:
    """Yield pyarrow's record batches of `source` as batches; DataError with `hint` where there is no row."""
    rows = 0
    for record in records:
        yield Batch(source, rows + 1, {name: _plain(record.column(name)) for name in columns})
        rows += record.num_rows
    if not rows:
        raise DataError(f"{source}: no rows", hint=hint)


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


def _large_csv_batches(path: Path, columns: tuple[str, ...], block_bytes: int) -> Iterator[Any]:
    # The compiled kernels take longer to load than a small file to read.
    from feddmf_party.data.plain_csv import plain_records

    with _reading(path, "CSV"):
        # Only the header is asked for: what is wrong further down is named when it is read.
        parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip")
        with csv.open_csv(
            path, read_options=csv.ReadOptions(use_threads=False), parse_options=parse
        ) as header:
            names = header.schema.names
        check_columns(path, names, columns)
        rest = yield from plain_records(path, names, columns, block_bytes)
    if rest is not None:
        yield from _parsed(path, columns, block_bytes, names=names if rest.offset else (), rest=rest)


def _parsed(
    path: Path,
    columns: tuple[str, ...],
    block_bytes: int,
    *,
    names: Sequence[str] = (),
    rest: Rest = _WHOLE,
) -> Iterator[Any]:
    """Yield the rows of a CSV, or the `rest` of one with header `names`, as pyarrow parses them."""
    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    # One thread, since only then does pyarrow know the number of a row that it refuses.
    size = min(block_bytes, _PIECE_BYTES)
    read = csv.ReadOptions(block_size=size, use_threads=False, column_names=list(names) or None)
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
            if not names:
                with csv.open_csv(path, read_options=read, parse_options=parse) as header:
                    check_columns(path, header.schema.names, columns)
            with pa.OSFile(str(path)) as file:
                file.seek(rest.offset)
                with csv.open_csv(
                    file, read_options=read, parse_options=parse, convert_options=convert
                ) as reader:
                    yield from _joined(reader, block_bytes)
    except DataError as error:
        if not ragged or ragged[-1].number is None:
            raise
        row = ragged[-1]
        number = rest.rows + row.number - (0 if names else 1)
        raise DataError(
            f"{path}: row {number}: {row.actual_columns} cells under {row.expected_columns} columns",
            hint="quote cells that hold a comma, and give each row one cell for each column",
        ) from error


def _joined(pieces: Iterable[Any], block_bytes: int) -> Iterator[Any]:
    """Yield record batches of `block_bytes` or more, each of consecutive pieces."""
    waiting: list[Any] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(each.nbytes for each in waiting) >= block_bytes:
            yield pa.concat_batches(waiting)
            waiting.clear()
    if waiting:
        yield pa.concat_batches(waiting)


def _parquet_batches(path: Path, columns: tuple[str, ...], block_bytes: int) -> Iterator[Any]:
    with _reading(path, "Parquet"), parquet.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow.names, columns)
        for record in file.iter_batches(max(1, block_bytes // ROW_BYTES), columns=list(columns)):
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


def check_columns(source: Path | str, names: Sequence[str], columns: Sequence[str]) -> None:
    """Raise DataError, with what is nearest, unless each of `columns` is once among the table's `names`."""
    if not names:
        raise DataError(f"{source}: no columns", hint="name a table with columns and rows")
    for column in columns:
        if column not in names:
            shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
            raise DataError(f"{source}: no column {column!r}; it has {shown}", hint=_suggest(column, names))
        if list(names).count(column) > 1:
            raise DataError(
                f"{source}: column {column!r} occurs more than once", hint="give each column its own name"
            )


def _suggest(column: str, names: Sequence[str]) -> str:
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        return "the header holds no comma: write the file with commas between the cells"
    plain = {name.strip().casefold(): name for name in names}
    near = difflib.get_close_matches(column.strip().casefold(), plain, n=1)
    return f"did you mean {plain[near[0]]!r}?" if near else "set the column's name as the file has it"
