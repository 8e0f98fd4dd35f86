"""The form that a run is submitted from: every setting explained, checked key by key, shown as a run file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from feddmf.errors import FedDMFError, InputError
from feddmf.runfile import RunSettings
from feddmf.settings_form import (
    PROTOCOLS,
    RECIPE_NAMES,
    check_typed,
    explain_run,
    given_of,
    read_typed,
    render_run,
    typed_of,
)
from feddmf.web.pages import SharedPages
from feddmf_coordinator.console.office import Caller, Office, SharedOffice, Signed
from feddmf_coordinator.operating import Act
from feddmf_coordinator.schedule_periods import read_period, shown_period
from feddmf_coordinator.store.catalogues import accepted_digests, latest_version
from feddmf_coordinator.store.certificates import certified_until
from feddmf_coordinator.store.runs import find_run
from feddmf_coordinator.submitting import fit_run, submit_and_schedule

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_EVERY = "every"


@router.get("/runs/new", name="run_form")
async def form(request: Request, pages: SharedPages, office: SharedOffice, _caller: Caller) -> Response:
    """Show an empty form, of a protocol and a recipe, or one filled in as an earlier run was."""
    asked = request.query_params
    typed, like = {name: asked.get(name, "") for name in ("protocol", "recipe")}, asked.get("like")
    if like:
        found = await office.read(lambda connection: find_run(connection, like))
        typed = typed_of(given_of(found.plan.settings))
    return await _form(request, pages, office, typed)


@router.post("/runs/new", name="run_submit")
async def submit(request: Request, pages: SharedPages, office: SharedOffice, caller: Caller) -> Response:
    """Check what was typed; show it as a run file, or submit it."""
    sent = await request.form()
    typed = {name: value for name, value in sent.items() if isinstance(value, str)}
    typed["parties"] = ", ".join(value for value in sent.getlist("parties") if isinstance(value, str))
    given = read_typed(typed)
    settings, wrong = check_typed(given)
    if settings is None:
        return await _form(request, pages, office, typed, wrong=wrong)
    try:
        if typed.get("do") != "submit":
            limits = await office.limits()
            await office.read(lambda connection: fit_run(connection, settings, limits))
            return await _form(request, pages, office, typed, file=render_run(given))
        run = await _submit(office, caller, settings, _period(typed))
    except FedDMFError as error:
        return await _form(request, pages, office, typed, file=render_run(given), error=error)
    return RedirectResponse(f"/runs/{run}", 303)


async def _submit(office: Office, caller: Signed, settings: RunSettings, every: timedelta | None) -> str:
    limits = await office.limits()

    def do(act: Act) -> str:
        made = submit_and_schedule(act.connection, settings, limits, every, by=act.operator, now=_now())
        act.what["run"] = made.run
        if every is not None:
            act.what.update(schedule=made.schedule, every=shown_period(every))
        return made.run

    return await office.act(caller, "run submit", do, file="the console's form")


def _period(typed: Mapping[str, str]) -> timedelta | None:
    text = typed.get(_EVERY, "").strip()
    return read_period(text) if text else None


async def _form(
    request: Request,
    pages: SharedPages,
    office: Office,
    typed: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    file: str = "",
    error: FedDMFError | None = None,
) -> Response:
    protocol = typed.get("protocol") or PROTOCOLS[0]
    recipe = typed.get("recipe") or RECIPE_NAMES[0]
    if protocol not in PROTOCOLS or recipe not in RECIPE_NAMES:
        raise InputError("there is no such protocol or recipe", hint="choose one of those that the form has")
    parts = explain_run(protocol, recipe)
    known = {key.path for part in parts for key in part.keys}
    wrong = dict(wrong or {})
    return pages.show(
        request,
        "run_form.html",
        title="Submit a run",
        status=200 if not wrong and error is None else 422,
        parts=parts,
        typed={_EVERY: "", **typed},
        chosen=[name for name in typed.get("parties", "").replace(",", " ").split() if name],
        wrong=wrong,
        wrong_beside=[text for path, text in wrong.items() if path not in known],
        protocols=PROTOCOLS,
        recipes=RECIPE_NAMES,
        protocol=protocol,
        recipe=recipe,
        file=file,
        error=error,
        parties=await office.read(_parties),
    )


def _parties(connection: Connection) -> list[dict[str, Any]]:
    """Return who can be in a run, and who cannot yet."""
    version = latest_version(connection)
    accepted = accepted_digests(connection, version)
    certified = certified_until(connection, now=_now())
    return [{"party": party, "ready": party in accepted} for party in sorted(certified)]


def _now() -> datetime:
    return datetime.now(UTC)
