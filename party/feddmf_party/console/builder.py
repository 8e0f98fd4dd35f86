"""The audience builder: choose attributes, move the cut, see what to expect, look at the first customers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from feddmf.errors import FedDMFError
from feddmf.web.pages import SharedPages
from feddmf.web.problems import Problem
from feddmf_party.api import analysts, models
from feddmf_party.api.desk import Desk, SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.console.charts import histogram_chart, precision_chart, recall_chart
from feddmf_party.console.drafts import CUTS, Draft
from feddmf_party.console.hints import on_page
from feddmf_party.questions import USUAL_SIZE
from feddmf_party.tokens import Holder

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_FOUND = 8
_FIRST = 25
# A slider moves among audiences of this share of all customers; larger ones are typed.
_SLIDER_SHARE = 5
Find = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class _Chosen:
    """An attribute of a draft; verdict: empty where it cannot be asked for."""

    key: str
    label: str
    owner: str
    verdict: str


@router.get("/audiences/new", name="console_builder")
async def builder(
    request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller, find: Find = ""
) -> Response:
    """Show an audience that is being built, all of it in the address."""
    draft = Draft.of(request.query_params)
    users, likely, chosen = await desk.work(lambda: _chosen(desk, draft))
    if draft.cut == "percent" and not draft.percent:
        draft = await _as_probability(desk, caller, draft)
    return pages.show(
        request,
        "builder.html",
        title="Build an audience",
        draft=draft,
        chosen=chosen,
        users=users,
        cuts=[(cut, _CUT_NAMES[cut]) for cut in CUTS if likely or cut in {"size", draft.cut}],
        slider=_slider(draft, users),
        find=find,
        found=await _find(desk, caller, draft, find) if find or not draft.keys else None,
        **await _previewed(desk, caller, draft),
    )


@router.get("/audiences/preview", name="console_preview")
async def preview(request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller) -> Response:
    """Show what to expect of an audience, as a part of its page."""
    draft = Draft.of(request.query_params)
    told = await _previewed(desk, caller, draft)
    response = pages.part("preview_part.html", draft=draft, **told)
    response.headers["HX-Replace-Url"] = draft.address
    return response


@router.get("/audiences/find", name="console_find")
async def find_(
    request: Request, pages: SharedPages, desk: SharedDesk, caller: Caller, find: Find = ""
) -> Response:
    """Show attributes that could be added, as a part of the builder."""
    draft = Draft.of(request.query_params)
    found = await _find(desk, caller, draft, find)
    return pages.part("find_part.html", draft=draft, find=find, found=found)


@router.post("/audiences/users", name="console_users")
async def users(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    count: Annotated[int, Form(ge=1)],
) -> Response:
    """Show the first customers of an audience."""
    draft = Draft.of(await request.form())
    response = await analysts.audience(desk, caller, draft.first(min(count, _FIRST)))
    found = models.AudienceAnswer.model_validate(json.loads(bytes(response.body)))
    told: dict[str, Any] = {"draft": draft, "found": found, "count": count}
    if "hx-request" in request.headers:
        return pages.part("users_part.html", **told)
    return pages.show(request, "users.html", title="First customers", **told)


_CUT_NAMES = {"size": "Number of customers", "percent": "Probability", "threshold": "Threshold"}


async def _previewed(desk: Desk, caller: Holder, draft: Draft) -> dict[str, Any]:
    """Return what a template says of a draft: figures and charts, or why there are none."""
    told: dict[str, Any] = {"preview": None, "error": None, "charts": {}}
    if not draft.wants:
        return told
    try:
        found = await analysts.preview(desk, caller, draft.question())
    except FedDMFError as error:
        return {**told, "error": on_page(error)}
    except Problem as problem:
        return {**told, "error": on_page(problem.error)}
    charts = {
        "precision": precision_chart(found),
        "recall": recall_chart(found),
        "histogram": histogram_chart(found),
    }
    return {**told, "preview": found, "charts": charts}


async def _as_probability(desk: Desk, caller: Holder, draft: Draft) -> Draft:
    """Return a draft that is cut by the probability at which its size would cut it."""
    before = await _previewed(desk, caller, replace(draft, cut="size"))
    above = None if before["preview"] is None else before["preview"].above
    return replace(draft, percent="50" if above is None else f"{100 * above:.4g}")


async def _find(desk: Desk, caller: Holder, draft: Draft, find: str) -> models.AttributeList:
    return await analysts.attributes(
        desk, caller, run=draft.run or None, owner=draft.owner or None, search=find, offset=0, limit=_FOUND
    )


def _chosen(desk: Desk, draft: Draft) -> tuple[int, bool, dict[str, list[_Chosen]]]:
    """Return how many customers there are, and the attributes of a draft by what is wanted of them.

    Between the two: whether scores are probabilities, which alone can be cut by one or by a threshold.
    """
    questions = desk.loaded(draft.run or None).questions

    def told(key: str) -> _Chosen:
        try:
            backing = questions.back(questions.attribute(key, draft.owner or None))
        except FedDMFError:
            return _Chosen(key, key, "", "")
        attribute = backing.attribute
        return _Chosen(key, attribute.label or key, attribute.owner, backing.best.verdict)

    chosen = {name: list(map(told, getattr(draft, name))) for name in ("all", "any", "none")}
    return questions.users, questions.score_kind == "probability", chosen


def _slider(draft: Draft, users: int) -> int:
    """Return the largest size of the slider."""
    usual = min(users, max(USUAL_SIZE * _SLIDER_SHARE, users // _SLIDER_SHARE))
    return users if (draft.size or 0) > usual else usual
