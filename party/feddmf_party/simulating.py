"""A run file with all its parties in one process: the same members, no sockets, no identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError
from feddmf.plan import Plan, matched_rows
from feddmf.rounds import RoundRecord
from feddmf.runfile import RunSettings
from feddmf.simulation import simulate
from feddmf_party.folder import PartyFolder
from feddmf_party.run_folder import RunFolder
from feddmf_party.seat import Seat, take_seat

__all__ = ["SIMULATED", "check_folders", "simulate_folders", "simulated_plan"]

SIMULATED = "simulated"


def simulated_plan(settings: RunSettings, catalogue: Catalogue) -> Plan:
    """Return the plan by which `simulate_folders` runs."""
    return Plan(run=SIMULATED, catalogue=catalogue.digest(), settings=settings)


def check_folders(settings: RunSettings, folders: Mapping[str, Path]) -> None:
    """Raise InputError unless `folders` are those of the run's parties, one each."""
    for party in settings.parties:
        if party not in folders:
            raise InputError(f"party {party} has no folder", hint=f"name it: --party {party}=FOLDER")
    for party in folders:
        if party not in settings.parties:
            raise InputError(
                f"party {party} is not in the run",
                hint=f"it has {', '.join(settings.parties)}; leave {party} out",
            )


def simulate_folders(
    settings: RunSettings,
    catalogue: Catalogue,
    folders: Mapping[str, Path],
    out: Path,
    *,
    on_round: Callable[[RoundRecord], None] = lambda _: None,
) -> dict[str, RunFolder]:
    """Run `settings` over parties' folders (party, policy and offer.toml); keep what each node would keep.

    The results lie under `out`/PARTY/runs/simulated, so that `feddmf query --folder out/PARTY` works.
    InputError where folders are not those of the run's parties, PolicyError where a party would decline.
    """
    check_folders(settings, folders)
    plan = simulated_plan(settings, catalogue)
    rows = matched_rows(catalogue, plan)
    homes = {party: PartyFolder(folders[party]) for party in plan.roster}
    seats = {
        party: take_seat(plan, catalogue.view(party), home, home.policy()) for party, home in homes.items()
    }
    simulate(plan, rows, {party: seat.member for party, seat in seats.items()}, on_round=on_round)
    return {party: _keep(plan, seats, party, out / party / "runs" / SIMULATED) for party in seats}


def _keep(plan: Plan, seats: Mapping[str, Seat], party: str, path: Path) -> RunFolder:
    seat, kept = seats[party], RunFolder(path)
    # An earlier simulation may have had other peers.
    kept.clear()
    kept.save_model(seat.member.model_arrays(), seat.table.user_ids)
    for peer, other in seats.items():
        if peer != party:
            labels = [(key, other.items.view.by_key[key].label) for key in other.offered]
            kept.save_peer(peer, labels, other.member.publications())
    kept.finish(
        {
            "run": plan.run,
            "party": party,
            "catalogue_version": seat.items.view.version,
            "plan": plan.model_dump(mode="json"),
        }
    )
    return kept
