"""A run file with all its parties in one process: the same members, no sockets, no identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError, PolicyError
from feddmf.plan import Plan, matched_rows
from feddmf.progress import NOBODY, Progress
from feddmf.rounds import RoundRecord
from feddmf.run_ids import plain_name
from feddmf.runfile import RunSettings
from feddmf.simulation import simulate
from feddmf_party.folder import PartyFolder
from feddmf_party.objections import asked_support
from feddmf_party.run_folder import RunFolder
from feddmf_party.seat import Seat, take_seat

__all__ = ["check_folders", "kept_folders", "simulate_folders", "simulated_plan"]


def simulated_plan(settings: RunSettings, catalogue: Catalogue) -> Plan:
    """Return the plan by which `simulate_folders` runs; a run of a coordinator has a number in its id too."""
    return Plan(run=plain_name(settings.name), catalogue=catalogue.digest(), settings=settings)


def kept_folders(plan: Plan, out: Path) -> dict[str, RunFolder]:
    """Return where the results of each party lie under `out`."""
    return {party: RunFolder(out / party / "runs" / plan.run) for party in plan.roster}


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
    on_notice: Callable[[str], None] = lambda _: None,
    progress: Progress = NOBODY,
) -> dict[str, RunFolder]:
    """Run `settings` over parties' folders (party, policy and offer.toml); keep what each node would keep.

    The results lie in `kept_folders`, so that `feddmf query --folder out/PARTY` works.
    `on_notice` is told what people should know of it; `progress` how much of the tables has been read.
    InputError where folders are not those of the run's parties, PolicyError naming the party where one would
    decline.
    """
    check_folders(settings, folders)
    plan = simulated_plan(settings, catalogue)
    rows = matched_rows(catalogue, plan)
    homes = {party: PartyFolder(folders[party]) for party in plan.roster}
    seats = {party: _seat(plan, catalogue, party, home, progress) for party, home in homes.items()}
    for party, seat in seats.items():
        for notice in seat.notices:
            on_notice(f"{party}: {notice}")
    simulate(plan, rows, {party: seat.member for party, seat in seats.items()}, on_round=on_round)
    for notice in _support_notices(settings, seats):
        on_notice(notice)
    folders_kept = kept_folders(plan, out)
    for party, kept in folders_kept.items():
        _keep(plan, seats, party, kept)
    return folders_kept


def _seat(plan: Plan, catalogue: Catalogue, party: str, home: PartyFolder, progress: Progress) -> Seat:
    try:
        return take_seat(plan, catalogue.view(party), home, home.policy(), progress=progress)
    except PolicyError as error:
        raise PolicyError(f"{party} declines the run: {error.message}", hint=error.hint) from error


def _support_notices(settings: RunSettings, seats: Mapping[str, Seat]) -> Iterator[str]:
    """Yield which parties offer items that too few of their users have for a linear vector to be fitted."""
    effect = "have no linear vector" if settings.has_history else "score all users alike"
    for party, seat in seats.items():
        below = int(seat.member.figures().get("below_support", 0))
        if below:
            yield (
                f"{party}: {below} of its {len(seat.offered)} offered items have fewer than "
                f"{asked_support(settings)} users there and {effect}"
            )


def _keep(plan: Plan, seats: Mapping[str, Seat], party: str, kept: RunFolder) -> None:
    seat = seats[party]
    # An earlier simulation may have had other peers.
    kept.clear()
    kept.save_model(seat.member.model_arrays(), seat.table.user_ids, seat.items.view.items)
    for peer, other in seats.items():
        if peer != party:
            labels = [(key, other.items.view.by_key[key].label) for key in other.offered]
            kept.save_peer(peer, labels, other.member.publications(), own=seat.items.view.by_key)
    kept.finish(
        {
            "run": plan.run,
            "party": party,
            "catalogue_version": seat.items.view.version,
            "plan": plan.model_dump(mode="json"),
        }
    )
