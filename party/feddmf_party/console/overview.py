"""The first page: the last run, how it went, how far its predictions can be trusted."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from feddmf.web.pages import SharedPages
from feddmf.web.problems import Problem
from feddmf_party.api.desk import SharedDesk
from feddmf_party.api.roles import Caller

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_NOT_FOUND = 404


@router.get("/", name="console_overview")
async def overview(request: Request, pages: SharedPages, desk: SharedDesk, _caller: Caller) -> Response:
    """Show where this company stands."""
    try:
        loaded = await desk.work(lambda: desk.loaded(None))
    except Problem as problem:
        if problem.status != _NOT_FOUND:
            raise
        return pages.show(request, "overview_empty.html", title="Overview", problem=problem.error)
    peers = await desk.work(lambda: [each.as_dict() for each in loaded.quality()])
    return pages.show(
        request,
        "overview.html",
        title="Overview",
        run=loaded.questions.run,
        users=loaded.questions.users,
        peers=peers,
    )
