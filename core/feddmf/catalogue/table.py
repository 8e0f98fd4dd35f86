"""The operator's catalogue: one row an item key, one column of local ids a party."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from feddmf import merkle
from feddmf.catalogue.rows import COLUMN, CatalogueRows
from feddmf.catalogue.view import CatalogueView, ViewItem, ViewProof, encode_view
from feddmf.errors import CatalogueError

__all__ = ["Catalogue", "PairCoverage", "parse_catalogue"]


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

    @cached_property
    def leaves(self) -> tuple[bytes, ...]:
        """The Merkle leaves: each party's view in party order, then the list of keys."""
        keys = json.dumps([self.version, sorted(self.labels)], separators=(",", ":")).encode()
        views = (merkle.leaf_hash(encode_view(self.view(party))) for party in self.parties)
        return (*views, merkle.leaf_hash(keys))

    def digest(self) -> str:
        """Return the Merkle root over the views and the key list, in hex: what parties accept."""
        return merkle.root(self.leaves).hex()

    def proof(self, party: str) -> ViewProof:
        """Return what lets `party` check that its view is under the digest."""
        leaves = self.leaves
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
    rows = CatalogueRows(where)
    for mistake in rows.read(text, least_parties):
        raise mistake.error()
    return Catalogue(version=version, labels=rows.labels, columns=rows.columns)
