"""The enrolment port: server TLS, one method, open only while somebody is invited or waiting."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc

from feddmf.errors import LocalResourceError, Refused
from feddmf.wire.enrolment_pb2 import EnrollReply, EnrollRequest
from feddmf.wire.enrolment_pb2_grpc import EnrolmentServicer, add_EnrolmentServicer_to_server
from feddmf_coordinator.server.credentials import enrolment_credentials
from feddmf_coordinator.server.desk import EnrolmentDesk
from feddmf_coordinator.server.identity import REFUSED, utc_now
from feddmf_coordinator.server.patience import Patience
from feddmf_coordinator.server.ports import check_port, endpoint
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.enrolment import is_enrolling

__all__ = ["EnrolmentService", "serve_enrolment"]

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 16 * 1024
# A stranger can connect to this port, so each thing that a stranger can pile up has a bound.
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 4),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
)
_MOST_CALLS = 32
_GRACE_S = 1.0


class EnrolmentService(EnrolmentServicer):
    """Decodes a call, asks the desk, encodes its answer; tells the caller nothing else."""

    def __init__(self, desk: EnrolmentDesk) -> None:
        self._desk = desk

    async def Enroll(  # noqa: N802  (the name of the method on the wire)
        self, request: EnrollRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> EnrollReply:
        """Answer one call; any refusal is the one word, with the reason in the log."""
        try:
            certificate = await asyncio.to_thread(
                self._desk.answer, request.token, request.request_der, collected=request.collected
            )
        except Refused as error:
            log.warning("refused to enrol %s: %s", context.peer(), error.message)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSED)
        except LocalResourceError as error:
            log.exception("cannot answer an enrolment call: %s", error.message)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
        if certificate is None:
            return EnrollReply(state=EnrollReply.PENDING)
        return EnrollReply(state=EnrollReply.ISSUED, certificate_der=certificate)


async def serve_enrolment(
    folder: CoordinatorFolder,
    database: Database,
    stop: asyncio.Event,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Open and close the enrolment port as the database asks for it, until `stop` is set.

    Raises LocalResourceError, at once, where the port is taken, and InputError where the server's files
    cannot be used. A port that is taken later is logged and tried again: runs go on without it.
    """
    settings = folder.load()
    check_port(settings.listen, settings.enrolment_port)
    enrolment_credentials(folder)
    port = _Port(folder, settings, database, clock)
    server: grpc.aio.Server | None = None
    try:
        while not stop.is_set():
            needed = await asyncio.to_thread(port.is_needed, before=server is not None)
            if needed and server is None:
                server = await port.open()
            elif not needed and server is not None:
                log.info("the enrolment port closes: nobody is invited")
                await server.stop(_GRACE_S)
                server = None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), settings.enrolment_poll_s)
    finally:
        if server is not None:
            await server.stop(_GRACE_S)


@dataclass(frozen=True)
class _Port:
    folder: CoordinatorFolder
    settings: CoordinatorSettings
    database: Database
    clock: Callable[[], datetime]

    def is_needed(self, *, before: bool) -> bool:
        """Tell whether anybody is invited; what held `before` where the database is away."""
        try:
            with self.database.read() as connection:
                return is_enrolling(connection, now=self.clock())
        except LocalResourceError as error:
            log.error("cannot look who is invited: %s", error.message)  # noqa: TRY400  (no traceback)
            return before

    async def open(self) -> grpc.aio.Server | None:
        """Return a server that listens, or None where it cannot for now."""
        hold = timedelta(hours=self.settings.invite_hours)
        server = grpc.aio.server(
            interceptors=(Patience(),), options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS
        )
        desk = EnrolmentDesk(self.database, hold, self.clock)
        add_EnrolmentServicer_to_server(EnrolmentService(desk), server)
        address = endpoint(self.settings.listen, self.settings.enrolment_port)
        try:
            server.add_secure_port(address, enrolment_credentials(self.folder))
        except RuntimeError:
            log.exception("the enrolment port %s cannot be opened now; trying again", address)
            await server.stop(None)
            return None
        await server.start()
        log.info("the enrolment port is open at %s", address)
        return server
