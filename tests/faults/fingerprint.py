"""What a run has left, as digests: files that parties keep, and publications on the coordinator's shelf."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

from feddmf.plan import Plan, matched_rows
from feddmf.simulation import simulate
from feddmf_coordinator.store.publications import VectorShelf, list_publications
from feddmf_coordinator.store.runs import find_run
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.private_release import kept_release
from feddmf_party.run_folder import RunFolder
from feddmf_party.seat import Seat, take_seat
from support.authority import EnrolledFederation
from support.runs import SmallRun

__all__ = ["Fingerprint", "different", "fingerprint", "replayed"]

Fingerprint = Mapping[str, str]

# A run's id, its course and its dates; all else is the same in every run of a plan.
_OWN = {"run.json", "rounds.jsonl", "until.json"}


def fingerprint(enrolled: EnrolledFederation, run: str) -> Fingerprint:
    """Return the digests of what a finished run has left, by name; the run's id has no part in them."""
    found: dict[str, str] = {}
    for party, folder in enrolled.parties.items():
        if (folder / "runs" / run).is_dir():
            found |= _files(party, folder / "runs" / run)
    shelf = VectorShelf(enrolled.folder.path / "vectors")
    with enrolled.open_database() as database, database.read() as connection:
        for each in list_publications(connection, run):
            found |= _published(each.party, each.items, shelf.get(each).sha256().hex())
    return found


def replayed(enrolled: EnrolledFederation, small: SmallRun, run: str, out: Path) -> Fingerprint:
    """Return the digests that a private run must have left: played in this process, of the kept releases.

    Noise has no seed, so another run of the same plan has other vectors. What is played is written to `out`.
    """
    with enrolled.open_database() as database, database.read() as connection:
        plan = find_run(connection, run).plan
    seats = {party: _seat(plan, small, party, enrolled.parties[party]) for party in plan.roster}
    simulate(plan, matched_rows(small.catalogue, plan), {party: seat.member for party, seat in seats.items()})
    found: dict[str, str] = {}
    for party, seat in seats.items():
        kept = RunFolder(out / party)
        kept.clear()
        kept.save_model(seat.member.model_arrays(), seat.table.user_ids, seat.items.view.items)
        for peer, other in seats.items():
            if peer != party:
                kept.save_peer(peer, _offer(other), other.member.publications(), own=seat.items.view.by_key)
        found |= _files(party, kept.path)
        found |= _published(party, _offer(seat), seat.member.publications().sha256().hex())
    return found


def different(one: Fingerprint, other: Fingerprint) -> list[str]:
    """Return the names of what differs, or is in one alone."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _files(party: str, folder: Path) -> dict[str, str]:
    return {
        f"{party} keeps {path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in _OWN
    }


def _published(party: str, items: tuple[tuple[str, str], ...], digest: str) -> dict[str, str]:
    return {f"{party} publishes": hashlib.sha256(repr((items, digest)).encode()).hexdigest()}


def _offer(seat: Seat) -> tuple[tuple[str, str], ...]:
    return tuple((key, seat.items.view.by_key[key].label) for key in seat.offered)


def _seat(plan: Plan, small: SmallRun, party: str, folder: Path) -> Seat:
    home = PartyFolder(folder)
    policy, ledger = home.policy(), LedgerFile(home.ledger)
    # The ledger has the run's charge and release: neither is made again.
    releasing = functools.partial(kept_release, home, policy.privacy, ledger)
    return take_seat(plan, small.catalogue.view(party), home, policy, releasing=releasing)
