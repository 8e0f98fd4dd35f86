"""Saved audiences, and files of their customers: written in the background, fetched, ended, removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from feddmf.errors import FedDMFError, InputError
from feddmf.web.pages import SharedPages
from feddmf.web.problems import Problem
from feddmf_party.api import exports, saved
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.console.drafts import Draft
from feddmf_party.criteria import Criteria
from feddmf_party.tokens import Holder

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/audiences"
_OVER = {"done", "failed", "cancelled"}
# By which htmx asks no more for what it fetches again and again.
_NO_MORE = 286
Name = Annotated[str, Form(max_length=200)]


@router.get(_PATH, name="console_audiences")
async def audiences(request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller) -> Response:
    """List saved audiences, and the files that were asked for."""
    every = await saved.audiences(desk, caller)
    found = every.audiences
    told = await _exports(desk, caller, "")
    return pages.show(
        request,
        "audiences.html",
        title="Audiences",
        audiences=found,
        damaged=every.damaged,
        described=await desk.work(lambda: _described(desk, found)) if found else {},
        **told,
    )


@router.post(_PATH, name="console_save")
async def save(request: Request, desk: SharedDesk, caller: Caller, name: Name = "") -> Response:
    """Save the audience that was built under a name."""
    draft = Draft.of(await request.form())
    asked = draft.question().model_dump(exclude={"format"})
    try:
        question = saved.SaveQuestion(name=name.strip(), **asked)
    except ValidationError as error:
        raise InputError("an audience needs a name", hint="give it one, such as best-100") from error
    made = await saved.save_audience(desk, caller, question)
    return _go(request, _page_of(made.name))


@router.get(f"{_PATH}/saved/{{name}}", name="console_audience")
async def audience(
    request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller, name: str
) -> Response:
    """Show one saved audience and its files."""
    found = await saved.saved_audience(desk, caller, name)
    told = await _exports(desk, caller, name)
    return pages.show(
        request,
        "audience.html",
        title=name,
        audience=found,
        draft=_draft(found),
        described=(await desk.work(lambda: _described(desk, [found])))[name],
        **told,
    )


@router.post(f"{_PATH}/saved/{{name}}/remove", name="console_remove_audience")
async def remove_audience(request: Request, desk: SharedDesk, caller: Caller, name: str) -> Response:
    """Remove a saved audience with all of its files."""
    await saved.remove_audience(desk, caller, name)
    return _go(request, _PATH)


@router.post(f"{_PATH}/saved/{{name}}/exports", name="console_export")
async def export(
    request: Request,
    desk: SharedDesk,
    caller: Caller,
    name: str,
    format: Annotated[Literal["csv", "parquet"], Form()] = "csv",  # noqa: A002  (as the form has it)
) -> Response:
    """Begin to write a file of an audience's customers."""
    await exports.export_audience(desk, caller, name, exports.ExportQuestion(format=format))
    return _go(request, _page_of(name))


@router.get(f"{_PATH}/exports", name="console_exports")
async def exports_(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    audience: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show how far files are, as a part of a page."""
    told = await _exports(desk, caller, audience)
    ends = "hx-request" in request.headers and not told["busy"]
    return pages.part("exports_part.html", status=_NO_MORE if ends else 200, **told)


@router.get(f"{_PATH}/exports/{{export}}/file", name="console_export_file")
async def export_file(desk: SharedDesk, caller: Caller, export: exports.Id) -> Response:
    """Fetch a file that is done."""
    return await exports.export_file(desk, caller, export)


@router.post(f"{_PATH}/exports/{{export}}/remove", name="console_remove_export")
async def remove_export(
    request: Request, desk: SharedDesk, caller: Caller, export: exports.Id, audience: Name = ""
) -> Response:
    """End a file that is being written, or remove one that is done."""
    await exports.remove_export(desk, caller, export)
    return _go(request, _page_of(audience) if audience else _PATH)


async def _exports(desk: Desk, caller: Holder, audience: str) -> dict[str, Any]:
    """Return what a template says of the files of one audience, of all without a name."""
    every = (await exports.exports(desk, caller)).exports
    shown = [each for each in every if audience in {"", each.audience}]
    return {"exports": shown, "of": audience, "busy": any(each.state not in _OVER for each in shown)}


def _described(desk: Desk, audiences: Sequence[saved.Saved]) -> dict[str, str]:
    """Return by name what audiences are of, by labels where the last run knows them."""
    try:
        questions = desk.loaded(None).questions
    except Problem:
        return {each.name: each.described for each in audiences}

    def label(key: str, owner: str | None) -> str:
        try:
            return questions.attribute(key, owner).label or key
        except FedDMFError:
            return key

    wanted = ((each, Criteria(**{name: tuple(keys) for name, keys in each.criteria})) for each in audiences)
    return {
        each.name: criteria.describe([label(key, each.owner) for key in criteria.keys])
        for each, criteria in wanted
    }


def _draft(found: saved.Saved) -> Draft:
    """Return a saved audience as the builder has it."""
    criteria, cut = found.criteria, found.cut
    return Draft(
        all=tuple(criteria.all),
        any=tuple(criteria.any),
        none=tuple(criteria.none),
        cut="threshold" if cut.threshold else "size" if cut.above is None else "percent",
        size=cut.size,
        percent="" if cut.above is None else f"{100 * cut.above:.10g}",
        run=found.run,
        owner=found.owner or "",
        anyway=found.anyway,
    )


def _page_of(name: str) -> str:
    """Return the address of an audience's page; `name` may be anything that was sent."""
    return f"{_PATH}/saved/{quote(name, safe='')}"


def _go(request: Request, path: str) -> Response:
    """Lead to another page, whoever asked: a form or a live part of a page."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)
