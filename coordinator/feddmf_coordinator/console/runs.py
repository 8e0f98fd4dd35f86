"""Runs: all of them, one with its curves while it goes on, the end of one; schedules."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from feddmf.settings_form import given_of, render_run
from feddmf.web.pages import SharedPages
from feddmf_coordinator.console.charts import charts_of
from feddmf_coordinator.console.office import Caller, Office, SharedOffice
from feddmf_coordinator.curves import curves_of
from feddmf_coordinator.operating import Act
from feddmf_coordinator.schedule_periods import shown_period
from feddmf_coordinator.standing import standing_of_run
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import ask_to_stop, find_run, list_answers, list_rounds, list_runs
from feddmf_coordinator.store.schedules import list_schedules, remove_schedule

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_LISTED, _ROUNDS = 100, 20


@router.get("/runs", name="runs")
async def runs(
    request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller, every: bool = False
) -> Response:
    """List runs, the newest first, and schedules."""
    found = await office.read(list_runs)
    schedules = await office.read(list_schedules)
    return pages.show(
        request,
        "runs.html",
        title="Runs",
        runs=found[::-1] if every else found[::-1][:_LISTED],
        total=len(found),
        schedules=[(each, shown_period(each.every)) for each in schedules],
    )


@router.get("/runs/{run}", name="run")
async def one(
    request: Request, pages: SharedPages, office: SharedOffice, run: str, _caller: Caller
) -> Response:
    """Show one run."""
    found = await _run(office, run)
    given = given_of(found["run"].plan.settings)
    return pages.show(request, "run.html", title=run, file=render_run(given), **found)


@router.get("/runs/{run}/live", name="run_live")
async def live(pages: SharedPages, office: SharedOffice, run: str, _caller: Caller) -> Response:
    """Show the part of a run's page that changes while it goes on; at its end the whole page, once."""
    found = await _run(office, run)
    response = pages.part("run_live.html", **found)
    if found["run"].state.ended:
        response.headers["HX-Refresh"] = "true"
    return response


@router.post("/runs/{run}/stop", name="run_stop")
async def stop(office: SharedOffice, run: str, caller: Caller) -> Response:
    """Ask for the end of a run."""

    def do(act: Act) -> None:
        ask_to_stop(act.connection, run)

    await office.act(caller, "run stop", do, run=run)
    return RedirectResponse(f"/runs/{run}", 303)


@router.post("/runs/unschedule", name="run_unschedule")
async def unschedule(
    office: SharedOffice, caller: Caller, schedule: Annotated[str, Form(max_length=120)]
) -> Response:
    """Submit the run file of a schedule no more."""

    def do(act: Act) -> None:
        remove_schedule(act.connection, schedule, now=datetime.now(UTC))

    await office.act(caller, "run unschedule", do, schedule=schedule)
    return RedirectResponse("/runs", 303)


async def _run(office: Office, run: str) -> dict[str, Any]:
    serving, limits = await asyncio.to_thread(office.is_serving), await office.limits()

    def look(connection: Connection) -> dict[str, Any]:
        found = find_run(connection, run)
        curves = curves_of(found, list_rounds(connection, run))
        published = list_publications(connection, run)
        return {
            "run": found,
            "standing": standing_of_run(connection, found, limits, serving=serving, now=datetime.now(UTC)),
            "answers": list_answers(connection, run),
            "curves": curves,
            "charts": charts_of(curves, still=not found.state.ended),
            "recent": range(max(0, curves.done - _ROUNDS), curves.done)[::-1],
            "published": [(each.party, len(each.items)) for each in published],
        }

    return await office.read(look)
