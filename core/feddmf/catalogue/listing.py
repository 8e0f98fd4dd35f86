"""One party's list of its own items, before they are in a catalogue; and lists of several joined into one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from feddmf.catalogue.rows import COLUMN, LONGEST_CELL
from feddmf.catalogue.table import parse_catalogue
from feddmf.errors import CatalogueError

__all__ = ["ListedItem", "join_listings", "parse_items", "parse_keys", "render_listing"]


@dataclass(frozen=True)
class ListedItem:
    """An item: the key that parties agree on, a label, and the party's own name for it."""

    key: str
    label: str
    local_id: str


def parse_keys(text: str, *, where: str) -> tuple[ListedItem, ...]:
    """Parse one key a line; empty lines do not count. CatalogueError names `where`, the line and the key."""
    lines = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    return _checked(((number, line, "", "") for number, line in lines if line.strip()), where)


def parse_items(text: str, *, column: str, where: str) -> tuple[ListedItem, ...]:
    """Parse a CSV with a header: keys in `column`, labels in `label`, own ids in `local_id`.

    A label or an own id that is not there is the key. CatalogueError names `where`, the line and the key.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next(reader, [])
        if header.count(column) != 1:
            raise CatalogueError(
                f"{where} line 1: the columns are {', '.join(header)[:200] or 'missing'}",
                hint=f"one of them must be {column}, or name the column of the keys with --column",
            )
        return _checked(_cells(reader, header, column, where), where)
    except csv.Error as error:
        raise CatalogueError(
            f"{where} line {reader.line_num}: {error}", hint="mend the CSV quoting"
        ) from error


def render_listing(items: Iterable[ListedItem], party: str) -> str:
    """Return `items` as the rows of a catalogue with a column for `party` alone."""
    rows = [(item.key, item.label, item.local_id) for item in items]
    return _rendered(("key", "label", COLUMN + party), rows)


def join_listings(files: Sequence[tuple[str, str]]) -> str:
    """Join catalogue files, (name, text) each, of different parties into one catalogue, row by key.

    A row's label is the first that is given and is not its key. CatalogueError names the file and what is
    wrong with it, or the party that two files have.
    """
    labels: dict[str, str] = {}
    columns: dict[str, tuple[str, dict[str, str]]] = {}
    for where, text in files:
        part = parse_catalogue(text, version=1, where=where, least_parties=1)
        for key, label in part.labels.items():
            if labels.setdefault(key, label) in ("", key):
                labels[key] = label or labels[key]
        for party, column in part.columns.items():
            if party in columns:
                raise CatalogueError(
                    f"{where} has a column for {party}, and so has {columns[party][0]}",
                    hint="give one file a party",
                )
            columns[party] = (where, dict(column))
    header = ("key", "label", *(COLUMN + party for party in columns))
    rows = [
        (key, label, *(column.get(key, "") for _, column in columns.values()))
        for key, label in sorted(labels.items())
    ]
    return _rendered(header, rows)


def _cells(reader: Any, header: list[str], column: str, where: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, key, label and own id of each row."""
    places = [
        header.index(name) if header.count(name) == 1 else None for name in (column, "label", "local_id")
    ]
    for row in reader:
        line = reader.line_num
        if not row:
            continue
        if len(row) != len(header):
            raise CatalogueError(
                f"{where} line {line}: {len(row)} cells where the header has {len(header)}",
                hint="quote cells that hold commas",
            )
        key, label, local_id = ("" if place is None else row[place] for place in places)
        yield line, key, label, local_id


def _checked(rows: Iterable[tuple[int, str, str, str]], where: str) -> tuple[ListedItem, ...]:
    """Return the items of (line, key, label, own id) rows, by the rules of a catalogue's cells."""
    lines: dict[tuple[str, str], int] = {}
    found = []
    for line, *cells in rows:
        key, label, local_id = (cell.strip() for cell in cells)
        if not key or max(map(len, cells)) > LONGEST_CELL:
            raise CatalogueError(
                f"{where} line {line}: key {key[:40]!r} is empty, "
                f"or a cell is over {LONGEST_CELL} characters",
                hint="give each item a short key of its own",
            )
        item = ListedItem(key, label or key, local_id or key)
        for what, name in (("key", item.key), ("local id", item.local_id)):
            before = lines.setdefault((what, name), line)
            if before != line:
                raise CatalogueError(
                    f"{where} line {line}: {what} {name!r} is also on line {before}",
                    hint=f"keep one row a {what}",
                )
        found.append(item)
    if not found:
        raise CatalogueError(f"{where}: no items", hint="list one item key a row")
    return tuple(found)


def _rendered(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
