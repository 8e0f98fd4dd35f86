"""CSV files of any form as pyarrow parses them, and what is said of rows that are ragged or too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from feddmf.errors import DataError
from feddmf_party.data.arrow import csv, pa
from feddmf_party.data.reading import NO_HEADER, check_columns, reading
from feddmf_party.data.rest import Rest

__all__ = ["parsed_records"]

# Pieces that fit the processor's cache are parsed in half the time and a fifth of the memory; where a row is
# longer than two of them, those come that hold the longest row.
_PIECE_BYTES = 1 << 19
_LONGEST_ROW = 1 << 24
# What pyarrow says of a row that does not fit into pieces, and of a ragged one.
_STRADDLING = "straddling object"
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_WHOLE = Rest()


def parsed_records(
    path: Path,
    columns: tuple[str, ...],
    block_bytes: int,
    *,
    names: Sequence[str] = (),
    rest: Rest = _WHOLE,
    at: Callable[[int], object] = lambda _: None,
) -> Iterator[Any]:
    """Yield the rows of a CSV, or the `rest` of one with header `names`, as pyarrow parses them.

    at: hears how many bytes of the file have been read.
    """
    pieces = partial(_pieces, path, columns, names=names, rest=rest, at=at)
    yield from _joined(
        _fitting_pieces(path, pieces, min(block_bytes, _PIECE_BYTES), names, rest), block_bytes
    )


def _fitting_pieces(
    path: Path, pieces: Callable[[int], Iterator[Any]], size: int, names: Sequence[str], rest: Rest
) -> Iterator[Any]:
    """Yield the rows in pieces of `size` bytes, from a row that is too long for them on in the longest."""
    done = 0
    while True:
        skipped = done
        try:
            for piece in pieces(size):
                new = piece.slice(min(skipped, piece.num_rows))
                skipped -= piece.num_rows - new.num_rows
                if new.num_rows:
                    yield new
                    done += new.num_rows
        except DataError as error:
            said = str(error.__cause__)
            ragged = _RAGGED.search(said)
            if ragged is not None:
                number, expected, actual = map(int, ragged.groups())
                raise DataError(
                    f"{path}: row {rest.rows + number - (0 if names else 1)}: {actual} cells under {expected}"
                    " columns",
                    hint="quote cells that hold a comma, and give each row one cell for each column",
                ) from error
            headless = NO_HEADER in said.lower() and path.stat().st_size > size
            if not headless and _STRADDLING not in said:
                raise
            if size == _LONGEST_ROW:
                where = "the header" if headless else f"row {rest.rows + done + 1}"
                raise DataError(
                    f"{path}: {where} is longer than {_LONGEST_ROW >> 20} MiB, the most that is read of one",
                    hint="close each cell's quotes; leave out columns of long text, or write a Parquet file",
                ) from error
            size = _LONGEST_ROW
        else:
            return


def _pieces(
    path: Path,
    columns: tuple[str, ...],
    size: int,
    *,
    names: Sequence[str],
    rest: Rest,
    at: Callable[[int], object],
) -> Iterator[Any]:
    # One thread, since only then does pyarrow know the number of a row that it refuses.
    read = csv.ReadOptions(block_size=size, use_threads=False, column_names=list(names) or None)
    parse = csv.ParseOptions(newlines_in_values=True)
    # Text only: "007" stays "007", and a type guessed from the first block cannot fail on a later one.
    convert = csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.large_string()),
        null_values=[""],
        strings_can_be_null=True,
    )
    with reading(path, "CSV"):
        if not names:
            with csv.open_csv(path, read_options=read, parse_options=parse) as header:
                check_columns(path, header.schema.names, columns)
        with pa.OSFile(str(path)) as file:
            file.seek(rest.offset)
            with csv.open_csv(
                file, read_options=read, parse_options=parse, convert_options=convert
            ) as reader:
                # What the file was read up to is ahead of the pieces, each of which is of `size` bytes.
                for number, piece in enumerate(reader, 1):
                    yield piece
                    at(min(rest.offset + number * size, file.size()))


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
