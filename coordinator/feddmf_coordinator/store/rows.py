"""All rows of a database as lines of JSON, which any other database of the same revision takes in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, func, select, text

from feddmf.errors import InputError
from feddmf_coordinator.store.migrations import REVISIONS, TABLE, revision_of

__all__ = ["KeptRows", "kept_rows", "put_rows", "write_rows"]

_VERSION = 1
_BLOCK = 500
_NEWER = "use the version of feddmf that made the backup, or a newer one"


@dataclass(frozen=True)
class KeptRows:
    """A file of rows: the revision that its tables have, and how many rows each has."""

    file: Path
    revision: str
    counts: Mapping[str, int]


def write_rows(connection: Connection, file: Path) -> KeptRows:
    """Write every row that the transaction of `connection` sees, whatever the revision."""
    revision = revision_of(connection) or ""
    tables = _tables(connection)
    counts = {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    head = {"feddmf_rows": _VERSION, "revision": revision, "counts": counts}
    with file.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps(head) + "\n")
        for table in tables:
            encoders = {each.name: _encoder(each) for each in table.columns}
            query = select(table).order_by(*table.primary_key.columns)
            for row in connection.execute(query, execution_options={"yield_per": _BLOCK}).mappings():
                values = {
                    name: None if row[name] is None else encode(row[name])
                    for name, encode in encoders.items()
                }
                lines.write(json.dumps([table.name, values]) + "\n")
    return KeptRows(file, revision, counts)


def kept_rows(file: Path) -> KeptRows:
    """Return what a file of rows says of itself; InputError for one that this version cannot take in."""
    with file.open(encoding="utf-8") as lines:
        try:
            head = json.loads(lines.readline())
            kind, revision, counts = head["feddmf_rows"], str(head["revision"]), dict(head["counts"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("the backup's database cannot be read", hint=_NEWER) from error
    if kind != _VERSION or revision not in ("", *REVISIONS):
        raise InputError(f"the backup's database has schema {revision}, of a newer feddmf", hint=_NEWER)
    return KeptRows(file, revision, counts)


def put_rows(connection: Connection, kept: KeptRows) -> None:
    """Put rows into the tables of their revision, in place of what these hold."""
    tables = {table.name: table for table in _tables(connection)}
    for table in reversed(tables.values()):
        connection.execute(table.delete())
    decoders = {name: {each.name: _decoder(each) for each in table.columns} for name, table in tables.items()}
    counts = dict.fromkeys(kept.counts, 0)
    for name, rows in _blocks(kept.file):
        decode = decoders[name]
        values = [
            {column: None if value is None else decode[column](value) for column, value in row.items()}
            for row in rows
        ]
        connection.execute(tables[name].insert(), values)
        counts[name] += len(values)
    if counts != kept.counts:
        raise InputError("the backup's database has other rows than it says", hint="take another backup")
    if connection.dialect.name == "postgresql":
        for table in tables.values():
            _go_on_counting(connection, table)


def _blocks(file: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield rows of one table at a time, so many as go well together."""
    name, rows = "", list[dict[str, Any]]()
    with file.open(encoding="utf-8") as lines:
        lines.readline()
        for line in lines:
            of, row = json.loads(line)
            if rows and (of != name or len(rows) == _BLOCK):
                yield name, rows
                rows = []
            name = of
            rows.append(row)
    if rows:
        yield name, rows


def _tables(connection: Connection) -> list[Table]:
    """Return the tables as the database has them, each behind those that it refers to."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != TABLE]


def _encoder(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64encode(bytes(value)).decode()
    return lambda value: value


def _decoder(column: Column[Any]) -> Callable[[Any], Any]:
    return base64.b64decode if isinstance(column.type, LargeBinary) else lambda value: value


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let the numbers that PostgreSQL gives out go on behind those that are there."""
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer):
            named = {"table": table.name, "column": column.name}
            sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), named)
            last = connection.scalar(select(func.max(column)))
            if sequence and last:
                connection.execute(
                    text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last}
                )
