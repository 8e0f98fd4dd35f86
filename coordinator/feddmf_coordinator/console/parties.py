"""The first page: the federation and its parties, who is there and who needs what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from feddmf.errors import FedDMFError, InputError
from feddmf.web.pages import SharedPages
from feddmf_coordinator.console.office import Caller, Office, SharedOffice
from feddmf_coordinator.members import PartyOverview, overview_of_parties
from feddmf_coordinator.server_certificate import ServerCertificate, look_at_server_certificate
from feddmf_coordinator.store.catalogues import latest_version
from feddmf_coordinator.store.runs import Run, RunState, list_runs
from feddmf_coordinator.witnessed import LedgerEnd

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_NOT_ENDED = (RunState.SUBMITTED, *RunState.under_way())


@router.get("/", name="home")
async def home(_caller: Caller) -> Response:
    """Lead to the first page."""
    return RedirectResponse("/parties", 303)


@router.get("/parties", name="parties")
async def parties(request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller) -> Response:
    """Show the federation, its parties, and what each needs."""
    return pages.show(request, "parties.html", title="Parties", **await _standing(office))


@router.get("/live/parties", name="parties_live")
async def live(pages: SharedPages, office: SharedOffice, _caller: Caller) -> Response:
    """Show the part of the first page that changes by itself."""
    return pages.part("parties_part.html", **await _standing(office))


@router.get("/parties/{party}", name="party")
async def party(
    request: Request, pages: SharedPages, office: SharedOffice, party: str, _caller: Caller
) -> Response:
    """Show one party, its runs, and the commands that are about it."""
    found = await _standing(office)
    one = next((each for each in found["parties"] if each.party == party), None)
    if one is None:
        raise InputError("there is no such party", hint="see who there is on the first page")

    def runs_of(runs: tuple[Run, ...]) -> list[Run]:
        return [run for run in reversed(runs) if party in run.plan.roster]

    runs = runs_of(await office.read(list_runs))
    folder, broken = found["folder"], found["broken"]
    return pages.show(request, "party.html", title=party, one=one, runs=runs, folder=folder, broken=broken)


async def _standing(office: Office) -> dict[str, Any]:
    serving = await asyncio.to_thread(office.is_serving)
    ledgers: dict[str, LedgerEnd] = {}
    broken: FedDMFError | None = None
    try:
        ledgers = await asyncio.to_thread(office.ledgers.look)
    except FedDMFError as error:
        broken = error
    now = datetime.now(UTC)
    certificate: ServerCertificate = await asyncio.to_thread(look_at_server_certificate, office.folder, now)
    found: tuple[PartyOverview, ...] = await office.read(
        lambda connection: overview_of_parties(connection, ledgers, serving=serving, now=now)
    )
    return {
        "serving": serving,
        "certificate": certificate,
        "folder": str(office.folder.path),
        "parties": found,
        "broken": broken,
        "needs": sorted((need for each in found for need in each.needs), key=lambda need: not need.urgent),
        "version": await office.read(latest_version),
        "under_way": await office.read(lambda connection: list_runs(connection, *_NOT_ENDED)),
    }
