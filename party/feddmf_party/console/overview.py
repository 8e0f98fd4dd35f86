"""The first page: the last run, how it went, how far to trust it, what changed, what came to nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from feddmf.errors import FedDMFError, InputError
from feddmf.web.pages import SharedPages
from feddmf.web.problems import Problem
from feddmf_party.api import analysts, changes, one_run, overseers
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import ROUTES, Caller
from feddmf_party.console.charts import alignment_chart
from feddmf_party.notices import Notice, notices_of, notices_of_terms
from feddmf_party.tokens import Role

__all__ = ["router"]

Found = TypeVar("Found")

router = APIRouter(include_in_schema=False)

_NOT_FOUND = 404
_DAMAGED = {_NOT_FOUND, 500}
_MOST_RUNS = 20


@dataclass(frozen=True)
class _Last:
    """What the overview says of the last finished run."""

    run: str
    users: int
    attributes: int
    notices: tuple[Notice, ...]


@router.get("/", name="console_overview")
async def overview(request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller) -> Response:
    """Show where this company stands."""
    every = await overseers.runs(desk, caller)
    runs, notices = every.runs, await desk.work(lambda: notices_of(desk.folder))
    told: dict[str, Any] = {"title": "Overview", "ends": every.ended}
    if not runs:
        return pages.show(request, "overview_empty.html", notices=notices, **told)
    damaged: list[FedDMFError] = []
    last = await _unless_damaged(desk.work(lambda: _last(desk)), damaged)
    run = runs[0].run if last is None else last.run
    account = await _unless_damaged(one_run.one_run(desk, caller, run), damaged)
    may_ask = caller.role in ROUTES["quality"]
    quality = None
    if may_ask and last is not None:
        quality = await _unless_damaged(analysts.quality(desk, caller, run), damaged)
    return pages.show(
        request,
        "overview.html",
        notices=notices if last is None else (*notices, *last.notices),
        damaged=damaged,
        run=run,
        last=last,
        account=account,
        alignment=None if account is None else alignment_chart(account.rounds),
        quality=quality,
        may_ask=may_ask,
        is_analyst=caller.role is Role.ANALYST,
        others=[each for each in runs if each.run != run][:_MOST_RUNS],
        **told,
    )


@router.get("/changes", name="console_changes")
async def changed(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    *,
    run: analysts.RunQuery = None,
    since: analysts.RunQuery = None,
) -> Response:
    """Show what changed since the run before, as a page or as a part of one."""
    try:
        found = await changes.changes(desk, caller, run, since)
    except Problem as problem:
        if problem.status != _NOT_FOUND:
            raise
        found = None
    if "hx-request" in request.headers:
        return pages.part("changes_part.html", found=found, most=10)
    return pages.show(request, "changes.html", title="What changed", found=found, most=1_000)


async def _unless_damaged(asked: Awaitable[Found], damaged: list[FedDMFError]) -> Found | None:
    """Return what is found; None where files of the run are damaged, which is added to `damaged`."""
    try:
        return await asked
    except InputError as error:
        damaged.append(error)
    except Problem as problem:
        if problem.status not in _DAMAGED:
            raise
        damaged.append(problem.error)
    return None


def _last(desk: Desk) -> _Last:
    questions = desk.loaded(None).questions
    predictor = questions.predictor
    return _Last(
        run=questions.run,
        users=questions.users,
        attributes=len(predictor.attributes()),
        notices=notices_of_terms(predictor.terms),
    )
