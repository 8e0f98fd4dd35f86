"""What every request passes first: host, door, size, time; and what every answer leaves with."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from traceback import extract_tb
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feddmf.errors import FedDMFError, InputError, LocalResourceError, Refused, TimedOut
from feddmf.web.door import Door
from feddmf.web.limits import RateLimit, check_pace
from feddmf.web.problems import DEFECT, Problem, problem_status

__all__ = ["Gate", "address_of"]

log = logging.getLogger(__name__)

_WHOLE_S = 600.0
# Of one address. A token has 256 random bits: this spares the machine, and does not slow down who has one.
_FAILURES_PER_MINUTE = 30
# What every answer leaves with, by whatever door.
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HTTPS_HEADERS: Mapping[str, str] = MappingProxyType({"Strict-Transport-Security": "max-age=31536000"})


class Gate:
    """Wraps the app; door: which one a path is behind; hosts: names that the server has, lower-case."""

    def __init__(self, app: ASGIApp, door: Callable[[str], Door], hosts: Collection[str]) -> None:
        self._app = app
        self._door = door
        self._hosts = frozenset(hosts)
        self._failures = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        door = self._door(scope["path"])
        scope.setdefault("state", {})["door"] = door
        leaving = _Leaving(send, scope, door)
        began = time.monotonic()
        try:
            async with asyncio.timeout(_WHOLE_S):
                await self._serve(door, scope, receive, leaving)
        except Problem as problem:
            await leaving.refuse(problem)
        except FedDMFError as error:
            await leaving.refuse(Problem(problem_status(error), error))
        except TimeoutError:
            late = TimedOut(f"not over within {_WHOLE_S:g} s", hint="ask for less at once, or read faster")
            await leaving.refuse(Problem(504, late))
        except asyncio.CancelledError:
            ending = LocalResourceError("this server is ending", hint="ask again in a while")
            await leaving.refuse(Problem(503, ending))
        except Exception as error:  # noqa: BLE001  (the last net: a defect becomes an answer, not a traceback)
            _log_defect(error)
            await leaving.refuse(Problem(500, DEFECT))
        finally:
            self._tell(scope, leaving.status, time.monotonic() - began)

    async def _serve(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        caller = await self._known(door, scope, headers)
        scope["state"]["holder"] = caller
        try:
            door.let_in(caller, scope, headers)
            body = await _body(door, headers, receive)
        except (FedDMFError, Problem) as error:
            told = error.error if isinstance(error, Problem) else error
            # The disk may be slow, and others are served meanwhile.
            await asyncio.to_thread(door.note_refused, caller, told)
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

    async def _known(self, door: Door, scope: Scope, headers: Headers) -> object:
        """Return who calls; nobody is told why another was not let in."""
        try:
            return await door.known(scope, headers)
        except Problem as problem:
            if problem.status == 401:  # noqa: PLR2004  (unauthorized)
                check_pace(self._failures, address_of(scope), _FAILURES_PER_MINUTE)
            raise

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


def address_of(scope: Scope) -> str:
    """Return the network address that a request came from."""
    return str((scope.get("client") or ("",))[0])


async def _body(door: Door, headers: Headers, receive: Receive) -> bytes:
    """Return the whole body; problems: 413 where it is too long, 408 where it is sent too slowly."""
    said = headers.get("content-length", "0")
    if said.isdigit() and int(said) > door.max_body:
        raise _too_large(door)
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(door.body_s):
            while True:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > door.max_body:
                    raise _too_large(door)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        slow = TimedOut("the request was sent too slowly", hint="send it again")
        raise Problem(408, slow, {"Connection": "close"}) from error


class _Leaving:
    """Sends what leaves with the headers that all of it has; knows whether an answer has begun."""

    def __init__(self, send: Send, scope: Scope, door: Door) -> None:
        self._send = send
        self._scope = scope
        self._door = door
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            secured = _HTTPS_HEADERS if self._scope["scheme"] == "https" else {}
            headers = MutableHeaders(scope=message)
            for name, value in {**_HEADERS, **secured, **self._door.headers(self._scope)}.items():
                headers[name] = value
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem; where an answer has begun, leave it: the server cuts what is not whole."""
        if self.status:
            return
        await self._door.refusal(self._scope, problem)(self._scope, _nothing, self)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_large(door: Door) -> Problem:
    error = InputError(f"a request has {door.max_body} bytes at most", hint="send less at once")
    return Problem(413, error, {"Connection": "close"})


def _log_defect(error: Exception) -> None:
    """Log where a defect is, and not what it said, which may name a user."""
    last = extract_tb(error.__traceback__)[-1]
    log.error("a defect of ours: %s at %s:%s", type(error).__name__, last.filename, last.lineno)
