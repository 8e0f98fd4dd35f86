"""The operator's catalogue: one row an item key, one column of local ids a party."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from feddmf import merkle
from feddmf.catalogue.view import CatalogueView, ViewItem, ViewProof, encode_view
from feddmf.errors import CatalogueError

__all__ = ["COLUMN", "LONGEST_CELL", "Catalogue", "PairCoverage", "parse_catalogue"]

COLUMN = "local_id:"
"""What the name of a party's column begins with."""

LONGEST_CELL = 200

_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class PairCoverage:
    """What two parties have in common: `shared` items, of `left_items` and `right_items`."""

    left: str
    right: str
    shared: int
    left_items: int
    right_items: int


@dataclass(frozen=True)
class Catalogue:
    """All parties' items; `columns[party][key]` is the party's own name for the item."""

    version: int
    labels: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties with a column, sorted."""
        return tuple(sorted(self.columns))

    @cached_property
    def sellers(self) -> Mapping[str, tuple[str, ...]]:
        """The parties that sell each item, sorted; where two items have the same, it is one tuple."""
        columns = tuple((party, self.columns[party]) for party in self.parties)
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        found = {}
        for key in self.labels:
            those = tuple(party for party, column in columns if key in column)
            found[key] = known.setdefault(those, those)
        return found

    def askable_of(self, roster: Collection[str]) -> dict[str, frozenset[str]]:
        """Return for each of `roster` its keys that another of them lacks: all that it may publish."""
        everybody = frozenset(roster)
        by_all = {those: everybody.issubset(those) for those in set(self.sellers.values())}
        common = frozenset(key for key, those in self.sellers.items() if by_all[those])
        return {party: frozenset(self.columns[party]) - common for party in roster}

    def askable(self, party: str) -> frozenset[str]:
        """Return the keys of `party` that at least one other lacks; none for a party without a column."""
        others = [self.columns[other].keys() for other in self.parties if other != party]
        sold_by_all = frozenset.intersection(*map(frozenset, others)) if others else frozenset()
        return frozenset(self.columns.get(party, {})) - sold_by_all

    def require(self, party: str) -> None:
        """Raise CatalogueError where `party` has no column."""
        if party not in self.columns:
            raise CatalogueError(
                f"catalogue version {self.version} has no column for {party}",
                hint=f"publish a version with the column {COLUMN}{party}",
            )

    def view(self, party: str) -> CatalogueView:
        """Return what `party` may see: its own column and, of the others, which keys match."""
        self.require(party)
        peers = {
            those: tuple(other for other in those if other != party) for those in set(self.sellers.values())
        }
        # What a catalogue holds was checked when it was read.
        items = tuple(
            ViewItem.model_construct(
                key=key, label=self.labels[key], local_id=local_id, peers=peers[self.sellers[key]]
            )
            for key, local_id in sorted(self.columns[party].items())
        )
        return CatalogueView(party=party, version=self.version, items=items)

    def leaves(self) -> tuple[bytes, ...]:
        """Return the Merkle leaves: each party's view in party order, then the list of keys."""
        keys = json.dumps([self.version, sorted(self.labels)], separators=(",", ":")).encode()
        views = (merkle.leaf_hash(encode_view(self.view(party))) for party in self.parties)
        return (*views, merkle.leaf_hash(keys))

    def digest(self) -> str:
        """Return the Merkle root over the views and the key list, in hex: what parties accept."""
        return merkle.root(self.leaves()).hex()

    def proof(self, party: str) -> ViewProof:
        """Return what lets `party` check that its view is under the digest."""
        leaves = self.leaves()
        index = self.parties.index(party)
        path = tuple(node.hex() for node in merkle.audit_path(leaves, index))
        return ViewProof(digest=merkle.root(leaves).hex(), index=index, size=len(leaves), path=path)

    def coverage(self) -> tuple[PairCoverage, ...]:
        """Return how many items each pair of parties has in common."""
        return tuple(
            PairCoverage(
                left,
                right,
                len(self.columns[left].keys() & self.columns[right].keys()),
                len(self.columns[left]),
                len(self.columns[right]),
            )
            for left, right in itertools.combinations(self.parties, 2)
        )


def parse_catalogue(text: str, *, version: int, where: str, least_parties: int = 2) -> Catalogue:
    """Parse the operator's CSV `key,label,local_id:PARTY,...`; empty cells mean "does not sell it".

    CatalogueError names `where`, the line, and the key or local id that is wrong.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        rows = _Rows(where, _parties(next(reader, []), where, least_parties))
        for row in reader:
            if row:
                rows.add(row, reader.line_num)
    except csv.Error as error:
        raise CatalogueError(
            f"{where} line {reader.line_num}: {error}", hint="mend the CSV quoting"
        ) from error
    if not rows.labels:
        raise CatalogueError(
            f"{where}: no items", hint="add one row an item: key,label,local id of each party"
        )
    return Catalogue(version=version, labels=rows.labels, columns=rows.columns)


def _parties(header: list[str], where: str, least: int) -> list[str]:
    if header[:2] != ["key", "label"] or len(header) < 2 + least:
        raise CatalogueError(
            f"{where} line 1: the columns are {', '.join(header) or 'missing'}",
            hint=f"the header must be key,label,{COLUMN}PARTY,{COLUMN}PARTY,... with two parties or more",
        )
    parties = [name.removeprefix(COLUMN) for name in header[2:]]
    for name, party in zip(header[2:], parties, strict=True):
        if not name.startswith(COLUMN) or not _PARTY.fullmatch(party):
            raise CatalogueError(
                f"{where} line 1: column {name!r} names no party",
                hint=f"write {COLUMN}PARTY; a party is lower-case letters, digits and hyphens",
            )
        if parties.count(party) > 1:
            raise CatalogueError(f"{where} line 1: two columns for {party}", hint="keep one of them")
    return parties


class _Rows:
    """The rows read so far; each is checked against those before it."""

    def __init__(self, where: str, parties: list[str]) -> None:
        self._where = where
        self._lines: dict[str, dict[str, int]] = {party: {} for party in parties}
        self.labels: dict[str, str] = {}
        self.columns: dict[str, dict[str, str]] = {party: {} for party in parties}

    def add(self, row: list[str], line: int) -> None:
        """Take in one row; CatalogueError names the line and what is wrong with it."""
        if len(row) != len(self.columns) + 2:
            raise self._wrong(
                line,
                f"{len(row)} cells where the header has {len(self.columns) + 2}",
                hint="quote cells that hold commas",
            )
        key, label, *local_ids = (cell.strip() for cell in row)
        if not key or max(map(len, row)) > LONGEST_CELL:
            raise self._wrong(
                line,
                f"key {key[:40]!r} is empty, or a cell is over {LONGEST_CELL} characters",
                hint="give each row a short key of its own",
            )
        if key in self.labels:
            raise self._wrong(line, f"key {key!r} is there twice", hint="keep one row a key")
        if not any(local_ids):
            raise self._wrong(line, f"no party sells {key!r}", hint="remove the row")
        self.labels[key] = label
        # Many parties name an item alike, and one text serves them all.
        known: dict[str, str] = {key: key}
        for party, said in zip(self.columns, local_ids, strict=True):
            if said:
                local_id = known.setdefault(said, said)
                self._add_cell(party, key, local_id, line)

    def _add_cell(self, party: str, key: str, local_id: str, line: int) -> None:
        before = self._lines[party].setdefault(local_id, line)
        if before != line:
            raise self._wrong(
                line,
                f"local id {local_id!r} of {party} is also on line {before}",
                hint="one local id belongs to one key",
            )
        self.columns[party][key] = local_id

    def _wrong(self, line: int, what: str, *, hint: str) -> CatalogueError:
        return CatalogueError(f"{self._where} line {line}: {what}", hint=hint)
