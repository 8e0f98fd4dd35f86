"""Files of predictions and rankings that were written before: users' rows taken out of them."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path
from typing import Any

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf_party.data.arrow import ArrowError, pa, parquet, pc

__all__ = ["erase_from"]

_PRIVATE = 0o600
_USER = "user"
_HINT = "name a .csv or .parquet file that feddmf query wrote"


def erase_from(path: Path, users: Collection[str]) -> int:
    """Take all rows of `users` out of a file of predictions, .csv or .parquet; return how many these were.

    The file is replaced whole or not at all. InputError for a file without a column `user`, or of neither
    kind.
    """
    form = path.suffix.lower()
    erase = {".csv": _from_csv, ".parquet": _from_parquet}.get(form)
    if erase is None:
        raise InputError(f"cannot tell the format of {path}", hint=_HINT)
    try:
        return erase(path, frozenset(users))
    except (OSError, ArrowError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path}: {error}", hint=_HINT) from error


def _no_users(path: Path) -> InputError:
    return InputError(f"{path} has no column {_USER}", hint=_HINT)


def _from_csv(path: Path, users: frozenset[str]) -> int:
    gone = 0
    with (
        path.open(newline="", encoding="utf-8") as source,
        replacing(path, mode=_PRIVATE) as beside,
        beside.open("w", newline="", encoding="utf-8") as target,
    ):
        rows, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
        header = next(rows, [])
        if _USER not in header:
            raise _no_users(path)
        place = header.index(_USER)
        writer.writerow(header)
        for row in rows:
            if len(row) > place and row[place] in users:
                gone += 1
            else:
                writer.writerow(row)
    return gone


def _from_parquet(path: Path, users: frozenset[str]) -> int:
    gone, named = 0, pa.array(sorted(users), pa.string())
    source: Any = parquet.ParquetFile(path)
    if _USER not in source.schema_arrow.names:
        raise _no_users(path)
    with (
        source,
        replacing(path, mode=_PRIVATE) as beside,
        parquet.ParquetWriter(beside, source.schema_arrow) as writer,
    ):
        for group in range(source.num_row_groups):
            table = source.read_row_group(group)
            found = pc.is_in(table.column(_USER).cast(pa.string()), value_set=named)
            gone += int(pc.sum(found).as_py() or 0)
            writer.write_table(table.filter(pc.invert(found)))
    return gone
