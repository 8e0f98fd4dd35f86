"""Small runs of a few parties, made in milliseconds: catalogue, plan, tables with tastes in them, members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feddmf.catalogue.table import Catalogue
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.item_release import ReleaseSource, draw_once
from feddmf.members.registry import member_for
from feddmf.plan import MatchedRows, PartyItems, Plan, matched_rows
from feddmf.randomness import generator
from feddmf.runfile import RunSettings

__all__ = [
    "PARTIES",
    "SIXTEEN",
    "SmallRun",
    "catalogue_of",
    "run_settings",
    "shared_catalogue",
    "small_run",
    "subset_catalogue",
    "taste_table",
]

PARTIES = ("acme", "bolt", "cargo", "delta", "echo")
# As many as a run takes.
SIXTEEN = (
    *PARTIES,
    *("foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima", "mike", "november", "oscar", "papa"),
)


@dataclass(frozen=True)
class _Seeded:
    """Noise that a member which is made again finds as it was; the product has none such."""

    party: str

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:
        """Return whole numbers, by the party and how many are asked for."""
        drawn = generator(5, "release", self.party, *shape).standard_normal(shape)
        return np.rint(drawn * sigma)


@dataclass(frozen=True, eq=False)
class SmallRun:
    """A run and all private tables of its parties."""

    catalogue: Catalogue
    plan: Plan
    rows: MatchedRows
    items: Mapping[str, PartyItems]
    tables: Mapping[str, Interactions]

    def member(self, party: str) -> Member:
        """Return a fresh member for `party`, which offers all its exclusive items."""
        items = self.items[party]
        is_private = self.plan.settings.privacy.is_private
        release = self.release(party) if is_private else None
        return member_for(items, self.tables[party], items.exclusive, release=release)

    def release(self, party: str) -> ReleaseSource:
        """Return what gives the release of `party` in a private run: the same for each of its members."""
        items, noise = self.items[party], _Seeded(party)
        return draw_once(items, self.tables[party], items.exclusive, noise)

    def members(self) -> dict[str, Member]:
        """Return a fresh member a party."""
        return {party: self.member(party) for party in self.plan.roster}


def run_settings(parties: tuple[str, ...], **sections: Any) -> RunSettings:
    """Return run settings with `sections` as a run file gives them, by recipe "embedding" unless given."""
    base = {"name": "small", "purpose": "a test", "parties": parties, "recipe": "embedding"}
    return RunSettings.model_validate({**base, **sections})


def shared_catalogue(parties: tuple[str, ...], *, shared: int, own: int) -> Catalogue:
    """Return a catalogue with `shared` items that all sell and `own` items that each sells alone."""
    owners = {f"m{number:03}": parties for number in range(shared)}
    return catalogue_of(owners, parties, own=own)


def subset_catalogue(parties: tuple[str, ...], *, shared: int, own: int) -> Catalogue:
    """Return a catalogue with `shared` items, each of any two parties or more, and `own` of each alone.

    The first items go round: each party shares one with the next, so that none is left out.
    """
    generator = np.random.default_rng(3)
    subsets = [(parties[number - 1], party) for number, party in enumerate(parties)]
    while len(subsets) < shared:
        size = generator.integers(2, len(parties) + 1)
        subsets.append(tuple(generator.choice(parties, size, replace=False).tolist()))
    return catalogue_of({f"m{n:03}": who for n, who in enumerate(subsets)}, parties, own=own)


def catalogue_of(owners: Mapping[str, tuple[str, ...]], parties: tuple[str, ...], *, own: int) -> Catalogue:
    """Return a catalogue of keys with their owners, and `own` items that each party sells alone."""
    keys = {**owners, **{f"{party}-{number:03}": (party,) for party in parties for number in range(own)}}
    columns = {p: {key: f"{p}:{key}" for key, who in keys.items() if p in who} for p in parties}
    return Catalogue(version=1, labels={key: key.upper() for key in keys}, columns=columns)


def taste_table(keys: tuple[str, ...], users: int, each: int, generator: np.random.Generator) -> Interactions:
    """Return a table in which each of `users` has `each` items, more of those that fit its taste.

    The taste of an item is its place: items of even and odd codes have different fans.
    """
    fits = (np.arange(len(keys))[None, :] % 2) == (np.arange(users)[:, None] % 2)  # [users, items]
    scores = 2.0 * fits + generator.random((users, len(keys)))
    chosen = np.argsort(-scores - generator.gumbel(size=scores.shape), axis=1)[:, :each]
    rows = np.repeat(np.arange(users), chosen.shape[1])
    return Interactions.from_pairs(rows, chosen.ravel(), shape=(users, len(keys)))


def small_run(
    parties: int = 2,
    *,
    shared: int = 16,
    own: int = 6,
    users: int = 40,
    each: int = 8,
    catalogue: Catalogue | None = None,
    **sections: Any,
) -> SmallRun:
    """Return a run of the first `parties` of SIXTEEN; `sections` go into its run settings.

    catalogue: one of these parties; without it `shared` items that all sell and `own` ones that each has.
    """
    names = SIXTEEN[:parties]
    catalogue = catalogue or shared_catalogue(names, shared=shared, own=own)
    plan = Plan(run="small-1", catalogue=catalogue.digest(), settings=run_settings(names, **sections))
    items = {party: PartyItems(plan, catalogue.view(party)) for party in names}
    generator = np.random.default_rng(5)
    tables = {party: taste_table(items[party].view.keys, users, each, generator) for party in names}
    return SmallRun(catalogue, plan, matched_rows(catalogue, plan), items, tables)
