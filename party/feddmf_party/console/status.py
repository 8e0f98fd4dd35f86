"""Where a company's node stands, for engineers: what `feddmf party status` says, and the privacy budget."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from feddmf.web.pages import SharedPages
from feddmf_party.api import overseers
from feddmf_party.api.desk import SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.notices import notices_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/status", name="console_status")
async def status(request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller) -> Response:
    """Show names, figures and problems, from the folder's files alone."""
    found = await overseers.status(desk, caller)
    health = await overseers.health(desk, caller)
    known = {each.message for each in found.problems}
    notices = await desk.work(lambda: [each for each in notices_of(desk.folder) if not each.urgent])
    return pages.show(
        request,
        "status.html",
        title="Status",
        standing=found.model_dump(),
        health=health,
        notices=notices,
        budget=None if known else await overseers.privacy(desk, caller),
    )
