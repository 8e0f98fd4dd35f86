"""`feddmf coordinator start` and `status`: the serving process, and where everything stands."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.cli.logs import log_to_stderr
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import accepted_digests, latest_version
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.enrolment import list_parties
from feddmf_coordinator.store.runs import RunState, list_runs

__all__ = ["start", "status"]

FolderOption = Annotated[
    Path, typer.Option("--folder", help="The coordinator's folder.", show_default="here")
]
_UNDER_WAY = (RunState.SUBMITTED, RunState.GATHERING, RunState.RUNNING, RunState.PUBLISHING)


def start(
    *,
    folder: FolderOption = Path(),
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Serve the federation until SIGTERM or Ctrl-C."""
    # Only this command needs gRPC.
    from feddmf_coordinator.server.serve import serve

    log_to_stderr(verbose=verbose)

    async def main() -> None:
        await serve(CoordinatorFolder(folder), asyncio.Event())

    asyncio.run(main())


def status(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """Show whether the coordinator serves, its parties, its catalogue, and the runs under way."""
    where = CoordinatorFolder(folder)
    settings = where.load()
    with Database.open(where.database_url(settings)) as database, database.read() as connection:
        parties = list_parties(connection, now=datetime.now(UTC))
        version = latest_version(connection)
        accepted = accepted_digests(connection, version)
        runs = list_runs(connection, *_UNDER_WAY)
    data: dict[str, Any] = {
        "federation": settings.federation,
        "address": f"{settings.listen}:{settings.port}",
        "serving": _answers(settings.listen, settings.port),
        "catalogue_version": version,
        "parties": [
            {
                "party": each.party,
                "certificate_until": None
                if each.certificate_until is None
                else each.certificate_until.isoformat(),
                "waits_for_approval": each.request_fingerprint,
                "invited_until": None if each.invited_until is None else each.invited_until.isoformat(),
                "catalogue_accepted": each.party in accepted,
            }
            for each in parties
        ],
        "runs": [{"run": run.run, "state": run.state.value} for run in runs],
    }
    show(data, output, lambda: _parties_table(data))
    for run in data["runs"]:
        say(f"run {run['run']} is {run['state']}")


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1" if host == "0.0.0.0" else host, port), timeout=1):  # noqa: S104
            return True
    except OSError:
        return False


def _parties_table(data: dict[str, Any]) -> Table:
    rows = [
        (each["party"], _standing(each), "yes" if each["catalogue_accepted"] else "no")
        for each in data["parties"]
    ]
    serving = "serving" if data["serving"] else "not serving"
    title = (
        f"federation {data['federation']} at {data['address']}: {serving}, "
        f"catalogue version {data['catalogue_version'] or 'none'}"
    )
    return table(("party", "standing", "accepted the catalogue"), rows, title=title)


def _standing(party: dict[str, Any]) -> str:
    if party["waits_for_approval"]:
        return f"waits for approval; its key is {party['waits_for_approval']}"
    if party["certificate_until"]:
        return f"enrolled until {party['certificate_until'][:10]}"
    return f"invited until {party['invited_until']}" if party["invited_until"] else "no certificate"
