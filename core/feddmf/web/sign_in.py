"""Signing in and out with a token; the browser keeps a cookie, and never the token."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from feddmf.web.console_door import SIGN_IN, SIGN_OUT, ConsoleDoor
from feddmf.web.gate import address_of
from feddmf.web.keys import find_holder
from feddmf.web.limits import RateLimit, check_pace
from feddmf.web.pages import Pages

__all__ = ["sign_in_router"]

log = logging.getLogger(__name__)

# Of one address. A token has 256 random bits: this spares the machine, where each is looked up.
_FAILURES_PER_MINUTE = 30
_LONGEST = 2_000


def sign_in_router(door: ConsoleDoor, pages: Pages, *, token: str) -> APIRouter:
    """Return the routes of signing in and out; token: how somebody without one gets it."""
    router = APIRouter(include_in_schema=False)
    failures = RateLimit()

    @router.get(SIGN_IN, name="sign_in")
    async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002  (as the address has it)
        there = _own_path(next)
        if request.scope["state"]["holder"] is not None:
            return RedirectResponse(there, 303)
        return pages.show(request, "sign_in.html", title="Sign in", next=there, how=token, wrong=False)

    @router.post(SIGN_IN, name="sign_in_with")
    async def sign_in(
        request: Request,
        shown: Annotated[str, Form(alias="token", max_length=_LONGEST)] = "",
        next: Annotated[str, Form(max_length=_LONGEST)] = "/",  # noqa: A002
    ) -> Response:
        there = _own_path(next)
        address = address_of(request.scope)
        # Before anything is looked up, or many at once would all be; who has a token takes none of it.
        check_pace(failures, address, _FAILURES_PER_MINUTE)
        holder = await find_holder(door.keys, shown.strip())
        if holder is None:
            log.warning("somebody showed a token that is nobody's, or has ended")
            told = {"next": there, "how": token, "wrong": True}
            return pages.show(request, "sign_in.html", title="Sign in", status=401, **told)
        failures.give_back(address)
        door.keys.let_in(holder)
        log.info("%s signs in", holder.name)
        response = RedirectResponse(there, 303)
        door.sessions.begin(shown.strip(), request.scope, response)
        return response

    @router.post(SIGN_OUT, name="sign_out")
    async def sign_out(request: Request) -> Response:
        response = RedirectResponse(SIGN_IN, 303)
        door.sessions.end(request.scope, response)
        return response

    return router


def _own_path(wanted: str) -> str:
    """Return a path of this server and of no other."""
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if ours and not any(mark < " " for mark in wanted) else "/"
