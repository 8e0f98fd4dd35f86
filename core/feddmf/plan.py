"""A run as everybody in it sees it: settings, catalogue digest, roster, and who shares which rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.draws import split_probes
from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import CatalogueView
from feddmf.config import Settings
from feddmf.errors import CatalogueError
from feddmf.payload import Axis
from feddmf.runfile import RunSettings

__all__ = ["MatchedRows", "PartyItems", "Plan", "matched_rows"]


class Plan(Settings):
    """What the coordinator announces of a run; a party checks it before it joins."""

    run: str
    catalogue: str
    settings: RunSettings

    @property
    def roster(self) -> tuple[str, ...]:
        """The parties of the run, sorted."""
        return tuple(sorted(self.settings.parties))


@dataclass(frozen=True)
class PartyItems:
    """One party's items in a run, as the party derives them from its own view.

    Row orders of the wire: matched items are the aligned ones, then the probes, each sorted by key.
    """

    plan: Plan
    view: CatalogueView

    @cached_property
    def aligned(self) -> tuple[str, ...]:
        """Keys whose vectors are pulled together."""
        return self._split[0]

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """Aligned keys, then probe keys: the rows of an upload."""
        return self._split[0] + self._split[1]

    @cached_property
    def exclusive(self) -> tuple[str, ...]:
        """Keys that nobody else in the roster sells."""
        return self.view.exclusive(self.plan.roster)

    @cached_property
    def matched_codes(self) -> npt.NDArray[np.int64]:
        """Item codes of the matched keys, int64 [matched]."""
        return self.codes(self.matched)

    @cached_property
    def peer_counts(self) -> npt.NDArray[np.int64]:
        """Number of other members that sell each aligned item, int64 [aligned]."""
        roster = set(self.plan.roster)
        return np.array([len(roster & set(self.view.by_key[key].peers)) for key in self.aligned], np.int64)

    def shared_rows(self, peer: str) -> npt.NDArray[np.int64]:
        """Return the rows of `matched` that `peer` sells too, int64; both sides list the same keys."""
        rows = [row for row, key in enumerate(self.matched) if peer in self.view.by_key[key].peers]
        return np.array(rows, dtype=np.int64)

    def codes(self, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Return the item codes of `keys`, int64 [keys]."""
        index = {key: code for code, key in enumerate(self.view.keys)}
        return np.array([index[key] for key in keys], dtype=np.int64)

    def sizes(self, offered: int) -> dict[Axis, int]:
        """Return the number of rows of each axis."""
        return {
            Axis.MATCHED_ITEMS: len(self.matched),
            Axis.ALIGNED_ITEMS: len(self.aligned),
            Axis.OFFERED_ITEMS: offered,
        }

    @cached_property
    def _split(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        share = self.plan.settings.probe_share
        keys = self.view.matched(self.plan.roster)
        aligned, probes = split_probes(keys, digest=self.plan.catalogue, share=share)
        if not keys:
            raise CatalogueError(
                f"{self.view.party} sells no item that another party of run {self.plan.run} sells",
                hint="publish a catalogue in which it shares items with others, or leave it out",
            )
        if not aligned:
            raise CatalogueError(
                f"{self.view.party} has no item to align in run {self.plan.run}: all {len(probes)} that it "
                "shares are probes",
                hint="publish a catalogue in which it shares more items, or lower probe_share",
            )
        return aligned, probes


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """Who shares which rows of a run, as the coordinator derives it from the whole catalogue.

    keys: all aligned keys, sorted; aligned[party], probes[party]: int64, for each row of the party's
    upload its index in the list of all aligned (probe) keys; `n_aligned`, `n_probes` are the lengths of
    those lists.
    """

    keys: tuple[str, ...]
    n_probes: int
    aligned: dict[str, npt.NDArray[np.int64]]
    probes: dict[str, npt.NDArray[np.int64]]

    @property
    def n_aligned(self) -> int:
        """Number of keys that are aligned anywhere."""
        return len(self.keys)

    @cached_property
    def owners(self) -> npt.NDArray[np.int64]:
        """Number of parties that sell each aligned item, int64 [n_aligned]."""
        return np.bincount(np.concatenate(list(self.aligned.values())), minlength=len(self.keys))

    def sizes(self, party: str) -> dict[Axis, int]:
        """Return the number of rows of each axis that the run's rounds use."""
        aligned = len(self.aligned[party])
        return {Axis.MATCHED_ITEMS: aligned + len(self.probes[party]), Axis.ALIGNED_ITEMS: aligned}


def matched_rows(catalogue: Catalogue, plan: Plan) -> MatchedRows:
    """Derive the shared rows of `plan`; CatalogueError where a party shares nothing with anybody."""
    roster = plan.roster
    matched = {party: catalogue.view(party).matched(roster) for party in roster}
    share = plan.settings.probe_share
    all_keys = sorted(set().union(*matched.values()))
    aligned, probes = split_probes(all_keys, digest=plan.catalogue, share=share)
    for party in roster:
        PartyItems(plan, catalogue.view(party)).aligned  # noqa: B018  (raises where nothing is aligned)
    return MatchedRows(
        keys=aligned,
        n_probes=len(probes),
        aligned={party: _index(matched[party], aligned) for party in roster},
        probes={party: _index(matched[party], probes) for party in roster},
    )


def _index(keys: tuple[str, ...], among: tuple[str, ...]) -> npt.NDArray[np.int64]:
    position = {key: row for row, key in enumerate(among)}
    return np.array([position[key] for key in keys if key in position], dtype=np.int64)
