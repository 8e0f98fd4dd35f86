"""The door for people: a session instead of a token, pages instead of JSON, no request of other sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import URL, Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from feddmf.errors import FedDMFError, Refused
from feddmf.web.assets import ASSETS
from feddmf.web.keys import Keys, find_holder
from feddmf.web.pages import Pages
from feddmf.web.problems import Problem
from feddmf.web.sessions import Sessions

__all__ = ["SIGN_IN", "SIGN_OUT", "ConsoleDoor"]

SIGN_IN = "/sign-in"
"""The page where a token is shown; open to all."""

SIGN_OUT = "/sign-out"
"""Where a session is ended; open to all, so that nothing keeps anybody from it."""

_UNAUTHORIZED = 401
_SAFE = ("GET", "HEAD")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With none at all a browser would not say where a form comes from either.
    "Referrer-Policy": "same-origin",
}
_NOT_KEPT = {**_HEADERS, "Cache-Control": "no-store"}


class ConsoleDoor:
    """Lets in who has signed in; all refusals are pages."""

    invalid = "go back, change it, and send it again"
    unknown = "go on from the overview"

    def __init__(self, keys: Keys, pages: Pages, *, max_body: int = 1 << 20, body_s: float = 10.0) -> None:
        self.keys = keys
        self.sessions = Sessions()
        self.max_body = max_body
        self.body_s = body_s
        self._pages = pages

    async def known(self, scope: Scope, headers: Headers) -> Any:
        """Return who has signed in; nobody has to for the page where one does.

        Nobody is looked up for what is the same for all, nor to sign out.
        """
        del headers
        if scope["path"] == SIGN_OUT or scope["path"].startswith(ASSETS):
            return None
        token = self.sessions.token(scope)
        holder = None if token is None else await find_holder(self.keys, token)
        if holder is None and not _is_open(scope["path"]):
            raise Problem(_UNAUTHORIZED, Refused("nobody has signed in here", hint="sign in with a token"))
        return holder

    def let_in(self, caller: Any, scope: Scope, headers: Headers) -> None:
        """Raise Problem where a page of another site sends the request, or the caller may not come in."""
        if scope["method"] not in _SAFE and not _is_own(scope, headers):
            error = Refused("this came from another site", hint="use the forms of this console")
            raise Problem(403, error)
        if caller is not None:
            self.keys.let_in(caller)

    def note_refused(self, caller: Any, error: FedDMFError) -> None:
        """Write down what somebody who has signed in was refused."""
        if caller is not None:
            self.keys.note_refused(caller, error)

    def refusal(self, scope: Scope, problem: Problem) -> Response:
        """Return a page that says what is wrong; to who has not signed in, the way to do so."""
        request = Request(scope)
        if problem.status != _UNAUTHORIZED or _is_open(scope["path"]):
            response: Response = self._pages.problem(request, problem)
            response.headers.update(problem.headers)
            return response
        there = f"{SIGN_IN}?{urlencode({'next': _page_of(request)})}"
        if "hx-request" in request.headers:
            return Response(status_code=_UNAUTHORIZED, headers={"HX-Redirect": there})
        return RedirectResponse(there, 303)

    def place(self, where: Sequence[int | str]) -> str:
        """Return the name of a field of a form."""
        return next((str(each) for each in where if each not in {"body", "query", "path"}), "the form")

    def headers(self, scope: Scope) -> Mapping[str, str]:
        """Return what pages leave with; styles and scripts may be kept."""
        return MappingProxyType(_HEADERS if scope["path"].startswith(ASSETS) else _NOT_KEPT)


def _page_of(request: Request) -> str:
    """Return the page that a request comes from, to go on with: its own address, or where its form stands."""
    is_page = request.method == "GET" and "hx-request" not in request.headers
    told = request.headers.get("hx-current-url") or request.headers.get("referer") or "/"
    url = request.url if is_page else URL(told)
    return f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"


def _is_open(path: str) -> bool:
    return path in (SIGN_IN, SIGN_OUT) or path.startswith(ASSETS)


def _is_own(scope: Scope, headers: Headers) -> bool:
    """Tell whether a page of this server sends the request; every browser of these years says so."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scope['scheme']}://{headers.get('host')}"
