"""What can be asked for: all attributes, searched and page by page, and one with all that backs it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from feddmf.web.pages import SharedPages
from feddmf_party.api import analysts, models, one_run
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.console.charts import calibration_chart
from feddmf_party.console.paging import Page, PageNumber, Paging

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/attributes"
Text = Annotated[str, Query(max_length=200)]
Key = Annotated[str, Query(min_length=1, max_length=1_000)]


@router.get(_PATH, name="console_attributes")
async def attributes(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    *,
    search: Text = "",
    owner: Text = "",
    run: Text = "",
    page: PageNumber = 1,
) -> Response:
    """List what can be asked for."""
    shown = Page(page)
    found = await analysts.attributes(
        desk,
        caller,
        run=run or None,
        owner=owner or None,
        search=search,
        offset=shown.offset,
        limit=shown.rows,
    )
    asked: dict[str, Any] = {"search": search, "owner": owner, "run": run}
    told = {"found": found, "paging": Paging(shown, found.total, _PATH, asked), **asked}
    # Whoever goes back to an address that a search has left behind needs all of the page.
    if "hx-request" in request.headers and "hx-history-restore-request" not in request.headers:
        return pages.part("attributes_part.html", **told)
    owners = await desk.work(lambda: [[each, each] for each in _owners(desk, run or None)])
    return pages.show(request, "attributes.html", title="Attributes", owners=owners, **told)


@router.get(f"{_PATH}/one", name="console_attribute")
async def attribute(
    request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller, *, key: Key, run: Text = ""
) -> Response:
    """Show one attribute with all that stands behind its answers."""

    def found() -> tuple[models.ListedAttribute, str]:
        with desk.noting(caller, "attributes") as note:
            questions = desk.loaded(run or None).questions
            note.run = questions.run
            asked = questions.attribute(key)
            note.attributes, note.rows = [asked.key], 1
            until = questions.predictor.terms.first_end(asked.owners)
            told = models.ListedAttribute.model_validate({**questions.back(asked).as_dict(), "until": until})
        return told, questions.run

    told, asked_run = await desk.work(found)
    provenance = await one_run.one_run(desk, caller, asked_run)
    quality = await analysts.quality(desk, caller, asked_run)
    owners = {each.owner: each for each in told.evidence}
    measured = (
        [_picture(each) for each in quality.peers if each.peer in owners] if told.kind == "item" else []
    )
    return pages.show(
        request,
        "attribute.html",
        title=told.label or told.key,
        attribute=told,
        measured=measured,
        provenance=provenance,
        run=run,
    )


def _picture(peer: models.PeerQuality) -> dict[str, Any]:
    """Return what was measured of a peer's items, with its calibration as a chart."""
    figures = peer.items.figures
    return {
        "peer": peer.peer,
        "items": peer.items,
        "figures": figures,
        "all": None if figures is None else calibration_chart(figures.calibration),
        "top": None if figures is None else calibration_chart(figures.calibration_top),
    }


def _owners(desk: Desk, run: str | None) -> list[str]:
    questions = desk.loaded(run).questions
    return sorted({owner for each in questions.predictor.attributes() for owner in each.owners})
