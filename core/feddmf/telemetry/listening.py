"""The socket behind which a process shows its figures and its health: plain HTTP, three pages, no more.

It listens on loopback unless told otherwise, dials nobody, and what it shows is meant for operators alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from feddmf.errors import FedDMFError, LocalResourceError
from feddmf.telemetry.meters import Meters
from feddmf.telemetry.settings import MetricsSettings

__all__ = ["Check", "exposed"]

log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Looks at something that the process needs; raises FedDMFError or OSError where that fails. It may block."""

_MOST_HEAD = 16 << 10
_HEAD_S = 5.0
_ANSWER_S = 10.0
_MOST_CONNECTIONS = 32
_PAGES = ("/metrics", "/healthz", "/readyz")
_METHODS = ("GET", "HEAD")
_Answer = tuple[HTTPStatus, str, bytes]


@asynccontextmanager
async def exposed(
    settings: MetricsSettings, meters: Meters, checks: Mapping[str, Check]
) -> AsyncIterator[None]:
    """Show `meters` at /metrics and the outcome of `checks` at /readyz for the length of a block.

    /healthz answers as long as the process does, whatever it needs: to start it again would not bring that
    back. Without a port in `settings` nothing is shown. LocalResourceError where it is taken.
    """
    if settings.port is None:
        yield
        return
    pages = _Pages(meters, checks)
    try:
        server = await asyncio.start_server(
            pages.serve, settings.listen, settings.port, limit=_MOST_HEAD, start_serving=True
        )
    except OSError as error:
        raise LocalResourceError(
            f"cannot show figures on {settings.listen} port {settings.port}: {error.strerror or error}",
            hint="end what listens there, or change `listen` or `port` under [metrics] in the settings file",
        ) from error
    log.info("figures are shown at http://%s:%d/metrics", _host(settings.listen), settings.port)
    try:
        yield
    finally:
        server.close()
        await pages.close()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class _Pages:
    """Answers one request a connection, of so many at once, each within bounds of size and time."""

    def __init__(self, meters: Meters, checks: Mapping[str, Check]) -> None:
        self._meters, self._checks = meters, checks
        self._connections: set[asyncio.Task[None]] = set()
        # One look at a time: whoever asks often waits, and the database does not.
        self._turn = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a connection's request, and end it."""
        task = asyncio.current_task()
        if task is None or len(self._connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever says nothing, too much, or goes away is not answered.
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def close(self) -> None:
        """End all connections."""
        tasks = tuple(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, _, rest = head.partition("\r\n")[0].partition(" ")
        status, kind, body = await self._answer(method, rest.partition(" ")[0].partition("?")[0], head)
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        )
        writer.write("\r\n".join((*lines, "", "")).encode("latin-1"))
        if method != "HEAD":
            writer.write(body)
        async with asyncio.timeout(_ANSWER_S):
            await writer.drain()

    async def _answer(self, method: str, path: str, head: str) -> _Answer:
        if path not in _PAGES:
            return _plain(HTTPStatus.NOT_FOUND, f"here are {', '.join(_PAGES)}")
        if method not in _METHODS:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, "these pages are read alone")
        if path == "/healthz":
            # At once: that it comes is the answer.
            return _json(HTTPStatus.OK, {"status": "ok"})
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S), self._turn:
                if path == "/readyz":
                    return await asyncio.to_thread(self._ready)
                body, kind = await asyncio.to_thread(self._meters.scrape, _header(head, "accept"))
                return HTTPStatus.OK, kind, body
        return _plain(HTTPStatus.SERVICE_UNAVAILABLE, "what is looked at does not answer in time")

    def _ready(self) -> _Answer:
        found = {name: _outcome(name, check) for name, check in self._checks.items()}
        well = all(found.values())
        words = {True: "ok", False: "failing"}
        told = {"status": words[well], "checks": {name: words[each] for name, each in found.items()}}
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, told)


def _outcome(name: str, check: Check) -> bool:
    """Tell whether a check holds; what is wrong stands in the log, which is not for everybody."""
    try:
        check()
    except (FedDMFError, OSError) as error:
        log.warning("not ready, %s: %s", name, error)
        return False
    return True


def _json(status: HTTPStatus, told: Mapping[str, object]) -> _Answer:
    return status, "application/json", json.dumps(told).encode() + b"\n"


def _plain(status: HTTPStatus, text: str) -> _Answer:
    return status, "text/plain; charset=utf-8", f"{text}\n".encode()


def _header(head: str, name: str) -> str:
    """Return the value of a request's header; an empty one where it is not there."""
    for line in head.splitlines()[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""
