"""A run as everybody in it sees it: settings, catalogue digest, roster, and who shares which rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.draws import hidden_at, split_probes
from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import CatalogueView
from feddmf.config import Settings
from feddmf.errors import CatalogueError
from feddmf.payload import Axis
from feddmf.runfile import RunSettings

__all__ = ["MatchedRows", "PartyItems", "Plan", "StageRows", "matched_rows"]


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

    Row orders of the wire: matched items are the aligned ones, then the probes, each sorted by key. In a
    first training (the pilot) the same without those that any party hides from itself.
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
    def askable(self) -> tuple[str, ...]:
        """Keys that at least one other member of the roster does not sell: all that the party may publish."""
        return self.view.askable(self.plan.roster)

    @cached_property
    def matched_codes(self) -> npt.NDArray[np.int64]:
        """Item codes of the matched keys, int64 [matched]."""
        return self.codes(self.matched)

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """Aligned keys that this party hides from itself in the pilot, sorted."""
        return self.hidden_by(self.view.party)

    @cached_property
    def revealed(self) -> tuple[str, ...]:
        """Aligned keys that a peer hides from itself in the pilot, and is told of after it, sorted."""
        return tuple(key for key, at in self._hidden_at.items() if at not in {None, self.view.party})

    @cached_property
    def pilot_aligned(self) -> tuple[str, ...]:
        """Aligned keys that nobody hides in the pilot.

        What one party hides the others do not align among themselves either: its vectors would be better than
        those of an exclusive item ever are, and what is learned of them too good.
        """
        return tuple(key for key, at in self._hidden_at.items() if at is None)

    @cached_property
    def pilot_matched(self) -> tuple[str, ...]:
        """Matched keys that nobody hides: the rows of an upload of the pilot."""
        return self.pilot_aligned + self._split[1]

    @cached_property
    def peer_counts(self) -> npt.NDArray[np.int64]:
        """Number of other members that sell each aligned item, int64 [aligned]."""
        return np.array([len(self._peers(key)) for key in self.aligned], np.int64)

    @cached_property
    def pilot_peer_counts(self) -> npt.NDArray[np.int64]:
        """Number of other members that sell each item, int64 [pilot_aligned]."""
        return np.array([len(self._peers(key)) for key in self.pilot_aligned], np.int64)

    def shared_rows(self, peer: str) -> npt.NDArray[np.int64]:
        """Return the rows of `matched` that `peer` sells too, int64; both sides list the same keys."""
        return self.rows_shared_with(peer, self.matched)

    def rows_shared_with(self, peer: str, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Return the rows of `keys` that `peer` sells too, int64."""
        rows = [row for row, key in enumerate(keys) if peer in self.view.by_key[key].peers]
        return np.array(rows, dtype=np.int64)

    def hidden_by(self, party: str) -> tuple[str, ...]:
        """Return the aligned keys of this party that `party` hides from itself in the pilot, sorted."""
        return tuple(key for key, at in self._hidden_at.items() if at == party)

    def codes(self, keys: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Return the item codes of `keys`, int64 [keys]."""
        return np.array([self._code[key] for key in keys], dtype=np.int64)

    @cached_property
    def rows(self) -> dict[Axis, tuple[str, ...]]:
        """The keys behind the rows of each axis, but for what is offered."""
        return {
            Axis.MATCHED_ITEMS: self.matched,
            Axis.ALIGNED_ITEMS: self.aligned,
            Axis.PILOT_ITEMS: self.pilot_matched,
            Axis.PILOT_ALIGNED_ITEMS: self.pilot_aligned,
            Axis.HIDDEN_ITEMS: self.hidden,
            Axis.REVEALED_ITEMS: self.revealed,
        }

    def sizes(self, offered: int) -> dict[Axis, int]:
        """Return the number of rows of each axis."""
        return {**{axis: len(keys) for axis, keys in self.rows.items()}, Axis.OFFERED_ITEMS: offered}

    @cached_property
    def _code(self) -> dict[str, int]:
        return {key: code for code, key in enumerate(self.view.keys)}

    def _peers(self, key: str) -> set[str]:
        return set(self.plan.roster) & set(self.view.by_key[key].peers)

    @cached_property
    def _hidden_at(self) -> dict[str, str | None]:
        """Who hides each aligned key, if anybody does; in the order of `aligned`."""
        digest, share = self.plan.catalogue, self.plan.settings.hidden_share
        sellers = {key: sorted(self._peers(key) | {self.view.party}) for key in self.aligned}
        return {key: hidden_at(key, those, digest=digest, share=share) for key, those in sellers.items()}

    @cached_property
    def _split(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        share = self.plan.settings.probe_share
        keys = self.view.matched(self.plan.roster)
        aligned, probes = split_probes(keys, digest=self.plan.catalogue, share=share)
        _check_shares(self.plan, self.view.party, aligned=len(aligned), probes=len(probes))
        return aligned, probes


@dataclass(frozen=True, eq=False)
class StageRows:
    """Who shares which rows of one training.

    n_aligned, n_probes: lengths of the lists of all aligned and of all probe keys; aligned[party],
    probes[party]: int64, for each row of the party's upload its index in that list.
    """

    n_aligned: int
    n_probes: int
    aligned: dict[str, npt.NDArray[np.int64]]
    probes: dict[str, npt.NDArray[np.int64]]

    @cached_property
    def owners(self) -> npt.NDArray[np.int64]:
        """Number of parties that sell each aligned item, int64 [n_aligned]."""
        return np.bincount(np.concatenate(list(self.aligned.values())), minlength=self.n_aligned)

    def matched(self, party: str) -> npt.NDArray[np.int64]:
        """Return for each row of an upload its index in the lists, the probes' after the aligned ones."""
        return np.concatenate([self.aligned[party], self.probes[party] + self.n_aligned])


@dataclass(frozen=True, eq=False)
class MatchedRows(StageRows):
    """Who shares which rows of a run, as the coordinator derives it from the whole catalogue.

    keys: all aligned keys, sorted; pilot: the rows of a first training; hidden[party], revealed[party]:
    int64, for each row that the party hides, or tells a peer of, its index in `keys`.
    """

    keys: tuple[str, ...]
    pilot: StageRows
    hidden: dict[str, npt.NDArray[np.int64]]
    revealed: dict[str, npt.NDArray[np.int64]]

    def sizes(self, party: str) -> dict[Axis, int]:
        """Return the number of rows of each axis that the run's rounds use."""
        return {
            Axis.MATCHED_ITEMS: len(self.matched(party)),
            Axis.ALIGNED_ITEMS: len(self.aligned[party]),
            Axis.PILOT_ITEMS: len(self.pilot.matched(party)),
            Axis.PILOT_ALIGNED_ITEMS: len(self.pilot.aligned[party]),
            Axis.HIDDEN_ITEMS: len(self.hidden[party]),
            Axis.REVEALED_ITEMS: len(self.revealed[party]),
        }


def matched_rows(catalogue: Catalogue, plan: Plan) -> MatchedRows:
    """Derive the shared rows of `plan`; CatalogueError where a party shares nothing with anybody."""
    roster, digest = plan.roster, plan.catalogue
    for party in roster:
        catalogue.require(party)
    members = frozenset(roster)
    among = {those: tuple(sorted(members.intersection(those))) for those in set(catalogue.sellers.values())}
    sellers = {key: among[those] for key, those in sorted(catalogue.sellers.items())}
    matched = [key for key, those in sellers.items() if len(those) > 1]
    aligned, probes = split_probes(matched, digest=digest, share=plan.settings.probe_share)
    share = plan.settings.hidden_share
    hidden_by = [hidden_at(key, sellers[key], digest=digest, share=share) for key in aligned]
    has = {party: _sold_by(party, (sellers[key] for key in aligned)) for party in roster}
    of_probes = {party: np.flatnonzero(_sold_by(party, (sellers[key] for key in probes))) for party in roster}
    for party in roster:
        _check_shares(plan, party, aligned=int(has[party].sum()), probes=len(of_probes[party]))
    at = np.array([-1 if who is None else roster.index(who) for who in hidden_by], dtype=np.int64)
    numbers = {party: number for number, party in enumerate(roster)}
    pilot = {party: np.flatnonzero(has[party] & (at < 0)) for party in roster}
    return MatchedRows(
        keys=aligned,
        n_aligned=len(aligned),
        n_probes=len(probes),
        aligned={party: np.flatnonzero(has[party]) for party in roster},
        probes=of_probes,
        pilot=StageRows(len(aligned), len(probes), pilot, of_probes),
        hidden={party: np.flatnonzero(at == numbers[party]) for party in roster},
        revealed={party: np.flatnonzero(has[party] & (at >= 0) & (at != numbers[party])) for party in roster},
    )


def _sold_by(party: str, sellers: Iterable[tuple[str, ...]]) -> npt.NDArray[np.bool_]:
    return np.fromiter((party in those for those in sellers), dtype=np.bool_)


def _check_shares(plan: Plan, party: str, *, aligned: int, probes: int) -> None:
    """Raise CatalogueError where a party has no item to align with anybody."""
    if not aligned + probes:
        raise CatalogueError(
            f"{party} sells no item that another party of run {plan.run} sells",
            hint="publish a catalogue in which it shares items with others, or leave it out",
        )
    if not aligned:
        raise CatalogueError(
            f"{party} has no item to align in run {plan.run}: all {probes} that it shares are probes",
            hint="publish a catalogue in which it shares more items, or lower probe_share",
        )
