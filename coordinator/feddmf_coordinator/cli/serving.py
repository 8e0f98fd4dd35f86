"""`feddmf coordinator start` and `status`: the serving process, and where everything stands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.streams import leave
from feddmf.cli.tables import utc
from feddmf_coordinator.cli.options import FolderOption
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.members import is_serving
from feddmf_coordinator.server.ports import endpoint
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import accepted_digests, latest_version
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.enrolment import PartyRecord, list_parties
from feddmf_coordinator.store.renewals import Renewal, last_renewals
from feddmf_coordinator.store.runs import RunState, list_runs

__all__ = ["start", "status"]

_NOT_ENDED = (RunState.SUBMITTED, *RunState.under_way())


def start(
    *,
    folder: FolderOption = Path(),
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Serve the federation until SIGTERM or Ctrl-C."""
    # Only this command needs gRPC.
    from feddmf_coordinator.server.serve import serve_until_signal

    home = CoordinatorFolder(folder)
    log_to_stderr(home.load().logging, verbose=verbose)

    async def main() -> None:
        if not await serve_until_signal(home):
            # asyncio and the interpreter would join threads that hang, or that combine a round.
            leave(0)

    asyncio.run(main())


def status(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Show whether the coordinator serves, its parties, its catalogue, and the runs under way."""
    where = CoordinatorFolder(folder)
    settings = where.load()
    with Database.open(where.database_url(settings)) as database, database.read() as connection:
        parties = list_parties(connection, now=datetime.now(UTC))
        version = latest_version(connection)
        accepted = accepted_digests(connection, version)
        runs = list_runs(connection, *_NOT_ENDED)
        renewals = last_renewals(connection)
    data: dict[str, Any] = {
        "federation": settings.federation,
        "address": endpoint(settings.listen, settings.port),
        "serving": is_serving(settings),
        "catalogue_version": version,
        "parties": [
            {
                "party": each.party,
                "certificate_until": each.certificate_until and each.certificate_until.isoformat(),
                "waits_for_approval": each.request_fingerprint,
                "invited_until": each.invited_until and each.invited_until.isoformat(),
                "catalogue_accepted": each.party in accepted,
                **_renewal(renewals.get(each.party)),
            }
            for each in parties
        ],
        "runs": [{"run": run.run, "state": run.state.value} for run in runs],
        "limits": settings.limits.model_dump(),
    }
    rows = [
        (each.party, _standing(each, renewals.get(each.party)), each.party in accepted) for each in parties
    ]
    columns = ("party", "standing", "accepted the catalogue")
    show(data, output, lambda: table(columns, rows, title=_title(data)))
    if not parties:
        say("no party yet; invite one: feddmf coordinator invite PARTY")
    for run in data["runs"]:
        say(f"run {run['run']} is {run['state']}")
    if runs:
        say(_limits(settings.limits))
    if any(each.status == "waiting" for each in renewals.values()):
        say("certificates wait to be renewed; sign them by themselves: feddmf coordinator renewals")


def _title(data: dict[str, Any]) -> str:
    serving = "serving" if data["serving"] else "not serving"
    version = data["catalogue_version"]
    catalogue = f"catalogue version {version}" if version else "no catalogue yet"
    return f"federation {data['federation']} at {data['address']}: {serving}, {catalogue}"


def _limits(limits: LimitSettings) -> str:
    return (
        f"at once at most {limits.runs} runs, with {limits.parties} parties each, and "
        f"{limits.memory_mib:,} MiB of rounds under way: [limits] in coordinator.toml"
    )


def _renewal(last: Renewal | None) -> dict[str, Any]:
    """Return what is told of the last time that a party asked for its next certificate."""
    if last is None:
        return {"renewal": None, "renewal_asked_at": None, "renewal_refused": None}
    asked = last.asked_at.isoformat()
    return {"renewal": last.status, "renewal_asked_at": asked, "renewal_refused": last.reason or None}


def _standing(party: PartyRecord, renewal: Renewal | None) -> str:
    if party.request_fingerprint:
        return f"waits for approval; its key is {party.request_fingerprint}"
    if party.certificate_until:
        return f"enrolled until {utc(party.certificate_until)}{_renewing(renewal)}"
    return f"invited until {utc(party.invited_until)}" if party.invited_until else "no certificate"


def _renewing(renewal: Renewal | None) -> str:
    if renewal is None:
        return ""
    if renewal.status == "waiting":
        return f", asks for the next one since {utc(renewal.asked_at)}"
    if renewal.status == "refused":
        return f", its renewal was refused: {renewal.reason}"
    return f", renewed {utc(renewal.answered_at)}"
