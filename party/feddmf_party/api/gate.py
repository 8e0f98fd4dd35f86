"""What every request passes first: host, token, pace, size, time; and what every answer leaves with."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Collection
from traceback import extract_tb

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feddmf.errors import FedDMFError, InputError, LocalResourceError, Refused, TimedOut
from feddmf_party.api.desk import Desk
from feddmf_party.api.limits import RateLimit
from feddmf_party.api.problems import DEFECT, Problem, problem_response, problem_status
from feddmf_party.tokens import Holder

__all__ = ["MAX_BODY", "Gate"]

log = logging.getLogger(__name__)

MAX_BODY = 4 << 20
"""Most bytes of a request's body."""

_BODY_S = 10.0
_WHOLE_S = 600.0
# Of one address. A token has 256 random bits: this spares the machine, and does not slow down who has one.
_FAILURES_PER_MINUTE = 30
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000"


class Gate:
    """Wraps the app; hosts: names that the server answers to, lower-case, without ports."""

    def __init__(self, app: ASGIApp, desk: Desk, hosts: Collection[str], *, body_s: float = _BODY_S) -> None:
        self._app = app
        self._desk = desk
        self._hosts = frozenset(hosts)
        self._body_s = body_s
        self._requests, self._failures = RateLimit(), RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope.setdefault("state", {})
        leaving = _Leaving(send, secure=scope["scheme"] == "https")
        began = time.monotonic()
        try:
            async with asyncio.timeout(_WHOLE_S):
                await self._serve(scope, receive, leaving)
        except Problem as problem:
            await leaving.refuse(scope, problem)
        except FedDMFError as error:
            await leaving.refuse(scope, Problem(problem_status(error), error))
        except TimeoutError:
            late = TimedOut(f"not over within {_WHOLE_S:g} s", hint="ask for less at once, or read faster")
            await leaving.refuse(scope, Problem(504, late))
        except asyncio.CancelledError:
            ending = LocalResourceError("this server is ending", hint="ask again in a while")
            await leaving.refuse(scope, Problem(503, ending))
        except Exception as error:  # noqa: BLE001  (the last net: a defect becomes an answer, not a traceback)
            _log_defect(error)
            await leaving.refuse(scope, Problem(500, DEFECT))
        finally:
            self._tell(scope, leaving.status, time.monotonic() - began)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        holder = self._known(scope, headers)
        scope["state"]["holder"] = holder
        try:
            self._let_in(holder)
            body = await self._body(headers, receive)
        except (FedDMFError, Problem) as error:
            told = error.error if isinstance(error, Problem) else error
            # The disk may be slow, and others are served meanwhile.
            await asyncio.to_thread(self._desk.note_refused, holder, "not read", told)
            raise
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that are not ours: a page may have its own name point to this machine."""
        named = headers.getlist("host")
        host = named[0].lower() if len(named) == 1 else ""
        bare = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
        if bare not in self._hosts:
            error = Refused("this server does not answer to that host name", hint="name it: --host NAME")
            raise Problem(421, error)

    def _known(self, scope: Scope, headers: Headers) -> Holder:
        """Return whose token the request shows; nobody is told why another was not let in."""
        shown = headers.getlist("authorization")
        scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        holder = self._holder(token.strip())
        if holder is None or scheme.lower() != "bearer":
            address = (scope.get("client") or ("",))[0]
            self._pace(self._failures, address, _FAILURES_PER_MINUTE)
            error = Refused("no valid token", hint="send one: Authorization: Bearer TOKEN")
            raise Problem(401, error, {"WWW-Authenticate": "Bearer"})
        return holder

    def _let_in(self, holder: Holder) -> None:
        policy = self._desk.policy().queries
        policy.check_holder(holder)
        self._pace(self._requests, holder.name, policy.per_minute)

    def _holder(self, token: str) -> Holder | None:
        try:
            return self._desk.tokens.holder(token)
        except FedDMFError as error:
            # Whoever asks is not known yet, and learns nothing of this folder.
            log.error("%s; to do: %s", error.message, error.hint)  # noqa: TRY400  (says all there is to say)
            unknown = FedDMFError("tokens cannot be checked", hint="see the log of this server")
            raise Problem(500, unknown) from error

    def _pace(self, limit: RateLimit, name: str, per_minute: int) -> None:
        wait = limit.wait_s(name, per_minute)
        if wait:
            error = TimedOut(f"more than {per_minute} requests in a minute", hint="ask again in a while")
            raise Problem(429, error, {"Retry-After": str(math.ceil(wait))})

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body; problems: 413 where it is too long, 408 where it is sent too slowly."""
        said = headers.get("content-length", "0")
        if said.isdigit() and int(said) > MAX_BODY:
            raise _too_large()
        parts, size = list[bytes](), 0
        try:
            async with asyncio.timeout(self._body_s):
                while True:
                    message = await receive()
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > MAX_BODY:
                        raise _too_large()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError as error:
            slow = TimedOut("the request was sent too slowly", hint="send it again")
            raise Problem(408, slow, {"Connection": "close"}) from error

    @staticmethod
    def _tell(scope: Scope, status: int, took_s: float) -> None:
        """Log a request without anything that its sender wrote: no path, no query, no header."""
        holder, route = scope["state"].get("holder"), scope.get("route")
        log.info(
            "%s asks for %s: %d in %.0f ms",
            holder.name if holder else "somebody",
            route.name if route else "nothing known",
            status,
            1000 * took_s,
        )


class _Leaving:
    """Sends what leaves with the headers that all of it has; knows whether an answer has begun."""

    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send = send
        self._headers = _HEADERS | ({"Strict-Transport-Security": _HSTS} if secure else {})
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers[name] = value
        await self._send(message)

    async def refuse(self, scope: Scope, problem: Problem) -> None:
        """Answer with a problem; where an answer has begun, leave it: the server cuts what is not whole."""
        if self.status:
            return
        response = problem_response(problem.status, problem.error, problem.headers)
        await response(scope, _nothing, self)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_large() -> Problem:
    error = InputError(f"a request has {MAX_BODY} bytes at most", hint="ask for fewer users at once")
    return Problem(413, error, {"Connection": "close"})


def _log_defect(error: Exception) -> None:
    """Log where a defect is, and not what it said, which may name a user."""
    last = extract_tb(error.__traceback__)[-1]
    log.error("a defect of ours: %s at %s:%s", type(error).__name__, last.filename, last.lineno)
