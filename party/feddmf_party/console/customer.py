"""One customer: the attributes that fit best, and which of the customer's own items drive a score."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from feddmf.errors import FedDMFError
from feddmf.web.pages import SharedPages
from feddmf_party.api import analysts, bodies, explanations
from feddmf_party.api.desk import SharedDesk
from feddmf_party.api.roles import Caller
from feddmf_party.console.hints import on_page

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH = "/customer"
User = Annotated[str, Form(min_length=1, max_length=1_000)]
Key = Annotated[str, Form(min_length=1, max_length=1_000)]


@router.get(_PATH, name="console_customer")
async def customer(
    request: Request, pages: SharedPages, _caller: Caller, run: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Ask for a customer; an id stands in no address, and so in no history and no log."""
    told: dict[str, Any] = {"user": "", "run": run, "found": None, "error": None, "anyway": False, "top": 10}
    return pages.show(request, "customer.html", title="Customer", **told)


@router.post(_PATH, name="console_best")
async def best(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    *,
    user: User,
    top: Annotated[int, Form(ge=1, le=100)] = 10,
    anyway: Annotated[bool, Form()] = False,
    run: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Show the attributes that fit a customer best."""
    asked = bodies.TopQuestion(users=(user.strip(),), top=top, anyway=anyway, run=run or None)
    told: dict[str, Any] = {"user": user.strip(), "run": run, "anyway": anyway, "top": top}
    try:
        found = await analysts.top_attributes(desk, caller, asked)
    except FedDMFError as error:
        # The form stands beside what is wrong, with what was typed.
        told |= {"found": None, "error": on_page(error)}
        return pages.show(request, "customer.html", title="Customer", status=422, **told)
    return pages.show(request, "customer.html", title="Customer", found=found, error=None, **told)


@router.post(f"{_PATH}/why", name="console_why")
async def why(
    request: Request,
    pages: SharedPages,
    desk: SharedDesk,
    caller: Caller,
    *,
    user: User,
    attribute: Key,
    run: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Show which of a customer's own items drive a score."""
    asked = explanations.WhyQuestion(user=user, attribute=attribute, anyway=True, top=5, run=run or None)
    found = await explanations.why(desk, caller, asked)
    if "hx-request" in request.headers:
        return pages.part("why_part.html", found=found)
    return pages.show(request, "why.html", title="Why", found=found, user=user, run=run)
