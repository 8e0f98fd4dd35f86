"""Who has signed in with a browser: a cookie that stands for a token, for as long as a working day."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

__all__ = ["Sessions"]

_IDLE_S = 3_600.0
_WHOLE_S = 12 * 3_600.0
# Whoever signed in first is signed out first.
_MOST = 1_000


@dataclass
class _Session:
    token: str
    began: float
    last: float


class Sessions:
    """Sessions of one server, in its memory alone: they end with it.

    The token is looked up again at every request, so that one that was revoked opens nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Digest of the cookie's value -> session: a copy of this memory opens nothing by itself.
        self._kept: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, token: str, scope: Scope, response: Response) -> None:
        """Begin a session and have the response set its cookie."""
        now, value = self._clock(), secrets.token_urlsafe(32)
        self._kept[_digest(value)] = _Session(token, now, now)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        response.set_cookie(
            _name(scope), value, path="/", httponly=True, samesite="strict", secure=scope["scheme"] == "https"
        )

    def token(self, scope: Scope) -> str | None:
        """Return the token that a request's cookie stands for; None without one, or where it has ended."""
        key, now = _digest(_value(scope)), self._clock()
        found = self._kept.get(key)
        if found is None:
            return None
        if now - found.last > _IDLE_S or now - found.began > _WHOLE_S:
            del self._kept[key]
            return None
        found.last = now
        return found.token

    def end(self, scope: Scope, response: Response) -> None:
        """End the session of a request, if there is one, and have the response take its cookie away."""
        self._kept.pop(_digest(_value(scope)), None)
        response.delete_cookie(_name(scope), path="/", httponly=True, samesite="strict")


def _value(scope: Scope) -> str:
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(_name(scope), "")


def _name(scope: Scope) -> str:
    """Return the cookie's name: cookies do not know ports, and one machine may serve several parties."""
    port = (scope.get("server") or ("", 0))[1]
    prefix = "__Host-" if scope["scheme"] == "https" else ""
    return f"{prefix}feddmf-{port}"


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
