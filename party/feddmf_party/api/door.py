"""The door for programs: a token with every request, JSON in every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from feddmf.errors import FedDMFError, Refused
from feddmf.web.keys import find_holder
from feddmf.web.limits import RateLimit, check_pace
from feddmf.web.problems import Problem, problem_response
from feddmf_party.api.desk import Desk
from feddmf_party.tokens import Holder

__all__ = ["MAX_BODY", "ApiDoor", "DeskKeys"]

MAX_BODY = 4 << 20
"""Most bytes of a request's body."""

_BODY_S = 10.0
_HEADERS = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
)


class DeskKeys:
    """The tokens of one party's folder, and the policy that says who may query and how often."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._requests = RateLimit()

    def holder(self, token: str) -> Holder | None:
        """Return who holds a token; FedDMFError where tokens cannot be read."""
        return self._desk.tokens.holder(token)

    def let_in(self, holder: Holder) -> None:
        """Raise where the policy does not let the holder in, or not so often."""
        policy = self._desk.policy().queries
        policy.check_holder(holder)
        check_pace(self._requests, holder.name, policy.per_minute)

    def note_refused(self, holder: Holder, error: FedDMFError) -> None:
        """Write down what was refused before it was read."""
        self._desk.note_refused(holder, "not read", error)


class ApiDoor:
    """Lets in who shows a token."""

    invalid = "see what it takes: /openapi.json"
    unknown = "see what there is: /v1"

    def __init__(self, keys: DeskKeys, *, body_s: float = _BODY_S) -> None:
        self._keys = keys
        self.max_body = MAX_BODY
        self.body_s = body_s

    async def known(self, scope: Scope, headers: Headers) -> Holder:
        """Return whose token the request shows; a problem with status 401 where it shows none, or two."""
        del scope
        shown = headers.getlist("authorization")
        scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        holder: Holder | None = await find_holder(self._keys, token.strip())
        if holder is None or scheme.lower() != "bearer":
            error = Refused("no valid token", hint="send one: Authorization: Bearer TOKEN")
            raise Problem(401, error, {"WWW-Authenticate": "Bearer"})
        return holder

    def let_in(self, caller: Holder, scope: Scope, headers: Headers) -> None:
        """Raise where the policy does not let the caller in, or not so often."""
        del scope, headers
        self._keys.let_in(caller)

    def note_refused(self, caller: Holder, error: FedDMFError) -> None:
        """Write down what was refused before it was read."""
        self._keys.note_refused(caller, error)

    def refusal(self, scope: Scope, problem: Problem) -> JSONResponse:
        """Return the error as JSON."""
        del scope
        return problem_response(problem.status, problem.error, problem.headers)

    def place(self, where: Sequence[int | str]) -> str:
        """Return the path of a field, in the body or the address."""
        return ".".join(map(str, where))

    def headers(self, scope: Scope) -> Mapping[str, str]:
        """Return what every answer leaves with: nobody keeps it, and no page shows it."""
        del scope
        return _HEADERS
