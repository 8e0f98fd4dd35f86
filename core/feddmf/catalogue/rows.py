"""The rows of a catalogue's CSV, and every mistake in them by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from feddmf.errors import CatalogueError

__all__ = ["COLUMN", "LONGEST_CELL", "CatalogueRows", "Mistake"]

COLUMN = "local_id:"
"""What the name of a party's column begins with."""

LONGEST_CELL = 200

_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_QUOTING = "mend the CSV quoting"


@dataclass(frozen=True)
class Mistake:
    """Something in a catalogue's file that does not hold; line: None where it is about the whole file."""

    where: str
    line: int | None
    text: str
    hint: str

    def error(self) -> CatalogueError:
        """Return it as the error that a command ends with."""
        place = self.where if self.line is None else f"{self.where} line {self.line}"
        return CatalogueError(f"{place}: {self.text}", hint=self.hint)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"file": self.where, "line": self.line, "text": self.text, "hint": self.hint}


class CatalogueRows:
    """The rows of one file that hold, each checked against those before it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._keys: dict[str, int] = {}
        self._lines: dict[str, dict[str, int]] = {}
        self.labels: dict[str, str] = {}
        self.columns: dict[str, dict[str, str]] = {}

    def read(self, text: str, least_parties: int = 2) -> Iterator[Mistake]:
        """Take in a file and yield each mistake; of a row with one, what is right counts all the same."""
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            yield self._wrong(reader.line_num, str(error), hint=_QUOTING)
            return
        mistake = self._take_header(header, least_parties)
        if mistake is not None:
            yield mistake
            return
        is_empty = True
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                is_empty = False
                yield self._wrong(reader.line_num, str(error), hint=_QUOTING)
                continue
            if row is None:
                break
            if row:
                is_empty = False
                yield from self._take(row, reader.line_num)
        if is_empty:
            yield self._wrong(None, "no items", hint="add one row an item: key,label,local id of each party")

    def _take_header(self, header: list[str], least: int) -> Mistake | None:
        if header[:2] != ["key", "label"] or len(header) < 2 + least:
            return self._wrong(
                1,
                f"the columns are {', '.join(header) or 'missing'}",
                hint=f"the header must be key,label,{COLUMN}PARTY,{COLUMN}PARTY,... with two parties or more",
            )
        parties = [name.removeprefix(COLUMN) for name in header[2:]]
        for name, party in zip(header[2:], parties, strict=True):
            if not name.startswith(COLUMN) or not _PARTY.fullmatch(party):
                return self._wrong(
                    1,
                    f"column {name!r} names no party",
                    hint=f"write {COLUMN}PARTY; a party is lower-case letters, digits and hyphens",
                )
            if parties.count(party) > 1:
                return self._wrong(1, f"two columns for {party}", hint="keep one of them")
        self._lines = {party: {} for party in parties}
        self.columns = {party: {} for party in parties}
        return None

    def _take(self, row: list[str], line: int) -> Iterator[Mistake]:
        """Take in one row and yield what is wrong with it."""
        if len(row) != len(self.columns) + 2:
            yield self._wrong(
                line,
                f"{len(row)} cells where the header has {len(self.columns) + 2}",
                hint="quote cells that hold commas",
            )
            return
        key, label, *local_ids = (cell.strip() for cell in row)
        if not key or max(map(len, row)) > LONGEST_CELL:
            yield self._wrong(
                line,
                f"key {key[:40]!r} is empty, or a cell is over {LONGEST_CELL} characters",
                hint="give each row a short key of its own",
            )
            return
        before = self._keys.setdefault(key, line)
        if before != line:
            hint = f"keep one row a key; the other is on line {before}"
            yield self._wrong(line, f"key {key!r} is there twice", hint=hint)
            return
        if not any(local_ids):
            yield self._wrong(line, f"no party sells {key!r}", hint="remove the row")
            return
        self.labels[key] = label
        # Many parties name an item alike, and one text serves them all.
        known: dict[str, str] = {key: key}
        for party, said in zip(self.columns, local_ids, strict=True):
            if said:
                yield from self._take_cell(party, key, known.setdefault(said, said), line)

    def _take_cell(self, party: str, key: str, local_id: str, line: int) -> Iterator[Mistake]:
        before = self._lines[party].setdefault(local_id, line)
        if before != line:
            yield self._wrong(
                line,
                f"local id {local_id!r} of {party} is also on line {before}",
                hint="one local id belongs to one key",
            )
            return
        self.columns[party][key] = local_id

    def _wrong(self, line: int | None, text: str, *, hint: str) -> Mistake:
        return Mistake(self._where, line, text, hint)
