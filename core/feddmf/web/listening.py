"""A server's socket and its TLS: the one place where API and consoles meet the network. It dials nobody."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from feddmf.errors import InputError, LocalResourceError

__all__ = ["LOOPBACK_NAMES", "Listening", "serve_app"]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Names that every server answers to."""


_GRACE_S = 3
_HEAD_S = 10.0
_MOST_HEAD = 16 << 10
_MOST_CONNECTIONS = 128
_ANY = {"0.0.0.0", "::"}  # noqa: S104  (an address is named, and nothing bound to it)


@dataclass(frozen=True)
class Listening:
    """Where to listen. Another address than loopback needs a certificate and its key, PEM files.

    names: host names that the server answers to, besides those of loopback and the address itself.
    """

    address: str = "127.0.0.1"
    port: int = 8480
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InputError(
                "a certificate and its key belong together", hint="give --tls-cert and --tls-key"
            )
        if not self._is_loopback and self.certificate is None:
            raise InputError(
                f"{self.address} can be reached by others, and tokens would cross the network in the clear",
                hint="give --tls-cert and --tls-key, or listen on 127.0.0.1",
            )

    @property
    def url(self) -> str:
        """Where it is found."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'http' if self.certificate is None else 'https'}://{host}:{self.port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """Names that requests may call the server by."""
        own = () if self.address in _ANY else (self.address,)
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, *own, *self.names))

    @property
    def _is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError as error:
            raise InputError(
                f"{self.address!r} is no address", hint="give one to listen on, such as 127.0.0.1 or ::1"
            ) from error


async def serve_app(app: ASGIApp, where: Listening, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve `app` until SIGTERM or SIGINT; `ready` is called once somebody can connect.

    LocalResourceError where the port is taken, InputError where the files of TLS cannot be used.
    """
    listener = _listen(where)
    try:
        server = _Server(_config(app, where), ready)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, server.stop)
        await server.serve([listener])
    finally:
        listener.close()


def _config(app: ASGIApp, where: Listening) -> uvicorn.Config:
    tls = _tls(where)
    secured: dict[str, Any] = {} if tls is None else {"ssl_context_factory": lambda *_: tls}
    return uvicorn.Config(
        app,
        http=_Patient,
        ws="none",
        lifespan="off",
        log_config=None,
        # The gate logs without what callers wrote.
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_MOST_HEAD,
        timeout_graceful_shutdown=_GRACE_S,
        **secured,
    )


def _listen(where: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.address else socket.AF_INET
    try:
        return socket.create_server((where.address, where.port), family=family)
    except OSError as error:
        raise LocalResourceError(
            f"cannot listen on {where.address} port {where.port}: {error.strerror or error}",
            hint="end what listens there, or name another with --port",
        ) from error


def _tls(where: Listening) -> ssl.SSLContext | None:
    if where.certificate is None or where.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        # An empty passphrase, where the key has one: nobody is asked at a terminal.
        context.load_cert_chain(where.certificate, where.key, password="")
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot use {where.certificate} with {where.key}: {error}",
            hint="give a certificate and its key without a passphrase, both PEM",
        ) from error
    return context


class _Server(uvicorn.Server):
    """Ends when it is told to, with this process's own exit code."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def stop(self) -> None:
        """Take no more requests, and end soon."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever serves."""
        yield


class _Patient(H11Protocol):
    """HTTP/1.1 that waits for the whole of a request's head so long and no longer."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        half = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not (half or self.cycle is None):
            self._rest()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(_HEAD_S, self.transport.close)

    def _rest(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
