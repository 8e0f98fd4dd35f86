"""What changed from one catalogue version to another: items, labels, columns, and what each pair shares."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feddmf.catalogue.table import Catalogue

__all__ = ["Drift", "PairDrift", "PartyDrift", "drift_between"]

_MATCHED = 2


@dataclass(frozen=True)
class PartyDrift:
    """One party's column: how many items before and after, None where it has no column, and which keys.

    renamed: key, own name before, own name after.
    """

    party: str
    before: int | None
    after: int | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "party": self.party,
            "before": self.before,
            "after": self.after,
            "added": list(self.added),
            "removed": list(self.removed),
            "renamed": [dict(zip(("key", "before", "after"), each, strict=True)) for each in self.renamed],
        }


@dataclass(frozen=True)
class PairDrift:
    """What two parties have in common: how many items before and after, and which came and went."""

    left: str
    right: str
    before: int
    after: int
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**vars(self), "gained": list(self.gained), "lost": list(self.lost)}


@dataclass(frozen=True)
class Drift:
    """What changed between versions; keys are sorted.

    relabelled: key, label before, label after; unmatched: keys that two parties or more sold before, and no
    longer do; matched: the other way round.
    """

    before: int
    after: int
    items_before: int
    items_after: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: tuple[tuple[str, str, str], ...]
    matched: tuple[str, ...]
    unmatched: tuple[str, ...]
    parties: tuple[PartyDrift, ...]
    pairs: tuple[PairDrift, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both versions say the same."""
        moved = any(each.added or each.removed or each.renamed for each in self.parties)
        joined = any(each.before is None or each.after is None for each in self.parties)
        return not (self.added or self.removed or self.relabelled or moved or joined)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "before": self.before,
            "after": self.after,
            "items_before": self.items_before,
            "items_after": self.items_after,
            "added": list(self.added),
            "removed": list(self.removed),
            "relabelled": [
                dict(zip(("key", "before", "after"), each, strict=True)) for each in self.relabelled
            ],
            "matched": list(self.matched),
            "unmatched": list(self.unmatched),
            "parties": [each.as_dict() for each in self.parties],
            "pairs": [each.as_dict() for each in self.pairs],
        }


def drift_between(before: Catalogue, after: Catalogue) -> Drift:
    """Return what changed from `before` to `after`."""
    was, is_ = _matched(before), _matched(after)
    parties = sorted({*before.parties, *after.parties})
    return Drift(
        before=before.version,
        after=after.version,
        items_before=len(before.labels),
        items_after=len(after.labels),
        added=_sorted(after.labels.keys() - before.labels.keys()),
        removed=_sorted(before.labels.keys() - after.labels.keys()),
        relabelled=_changed(before.labels, after.labels),
        matched=_sorted(is_ - was),
        unmatched=_sorted(was - is_),
        parties=tuple(_party(party, before, after) for party in parties),
        pairs=tuple(_pair(*pair, before, after) for pair in itertools.combinations(parties, 2)),
    )


def _party(party: str, before: Catalogue, after: Catalogue) -> PartyDrift:
    was, is_ = before.columns.get(party), after.columns.get(party)
    old, new = was or {}, is_ or {}
    return PartyDrift(
        party,
        None if was is None else len(was),
        None if is_ is None else len(is_),
        added=_sorted(new.keys() - old.keys()),
        removed=_sorted(old.keys() - new.keys()),
        renamed=_changed(old, new),
    )


def _pair(left: str, right: str, before: Catalogue, after: Catalogue) -> PairDrift:
    was, is_ = _common(left, right, before), _common(left, right, after)
    return PairDrift(left, right, len(was), len(is_), _sorted(is_ - was), _sorted(was - is_))


def _common(left: str, right: str, catalogue: Catalogue) -> set[str]:
    columns = catalogue.columns
    return set(columns.get(left, {})) & set(columns.get(right, {}))


def _matched(catalogue: Catalogue) -> set[str]:
    return {key for key, sellers in catalogue.sellers.items() if len(sellers) >= _MATCHED}


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (key, before[key], after[key])
        for key in sorted(before.keys() & after.keys())
        if before[key] != after[key]
    )


def _sorted(keys: set[str]) -> tuple[str, ...]:
    return tuple(sorted(keys))
