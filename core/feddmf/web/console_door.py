"""The door for people: a session instead of a token, pages instead of JSON, no request of other sites."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from feddmf.errors import FedDMFError, Refused
from feddmf.web.assets import ASSETS
from feddmf.web.pages import Pages
from feddmf.web.problems import Problem
from feddmf.web.sessions import Sessions

__all__ = ["SIGN_IN", "ConsoleDoor", "Keys"]

SIGN_IN = "/sign-in"
"""The page where a token is shown; open to all."""

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


class Keys(Protocol):
    """Who holds which token, and whether they may come in now."""

    def holder(self, token: str) -> Any | None:
        """Return who holds a token, with a `name` and a `role`; None where it is nobody's, or has ended."""

    def let_in(self, holder: Any) -> None:
        """Raise FedDMFError or Problem where the holder may not come in now."""

    def note_refused(self, holder: Any, error: FedDMFError) -> None:
        """Write down that a request of the holder was refused; may block."""


class ConsoleDoor:
    """Lets in who has signed in; all refusals are pages."""

    def __init__(self, keys: Keys, pages: Pages, *, max_body: int = 1 << 20, body_s: float = 10.0) -> None:
        self.keys = keys
        self.sessions = Sessions()
        self.max_body = max_body
        self.body_s = body_s
        self._pages = pages

    def known(self, scope: Scope, headers: Headers) -> Any:
        """Return who has signed in; nobody has to for the page where one does."""
        del headers
        token = self.sessions.token(scope)
        holder = None if token is None else self.keys.holder(token)
        if holder is None and not _is_open(scope["path"]):
            raise Problem(_UNAUTHORIZED, Refused("nobody has signed in here", hint="sign in with a token"))
        return holder

    def let_in(self, caller: Any, scope: Scope, headers: Headers) -> None:
        """Raise Problem where a page of another site sends the request, or the caller may not come in."""
        if scope["method"] not in _SAFE and not _is_own(scope, headers):
            error = Refused("this came from another site", hint="use the forms of this console")
            raise Problem(403, error)
        if caller is not None and not scope["path"].startswith(ASSETS):
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
        there = SIGN_IN
        if scope["method"] == "GET" and "hx-request" not in request.headers:
            query = f"?{request.url.query}" if request.url.query else ""
            there = f"{SIGN_IN}?{urlencode({'next': request.url.path + query})}"
        if "hx-request" in request.headers:
            return Response(status_code=_UNAUTHORIZED, headers={"HX-Redirect": there})
        return RedirectResponse(there, 303)

    def headers(self, scope: Scope) -> Mapping[str, str]:
        """Return what pages leave with; styles and scripts may be kept."""
        return MappingProxyType(_HEADERS if scope["path"].startswith(ASSETS) else _NOT_KEPT)


def _is_open(path: str) -> bool:
    return path == SIGN_IN or path.startswith(ASSETS)


def _is_own(scope: Scope, headers: Headers) -> bool:
    """Tell whether a page of this server sends the request; every browser of these years says so."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scope['scheme']}://{headers.get('host')}"
