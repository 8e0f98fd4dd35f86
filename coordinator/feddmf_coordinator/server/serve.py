"""The serving process: the federation port, the enrolment port while needed, the runs."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
from collections.abc import Callable

import grpc
from grpc_health.v1.health_pb2_grpc import (  # type: ignore[import-untyped]
    add_HealthServicer_to_server,
)

from feddmf.backup.moment import remove_left_behind
from feddmf.errors import LocalResourceError
from feddmf.files import remove_unfinished
from feddmf.locks import only_one
from feddmf.telemetry.listening import exposed
from feddmf.telemetry.traces import traces_of
from feddmf.wire.codec import MAX_MESSAGE_BYTES
from feddmf.wire.framing import add_service
from feddmf_coordinator.observer import Observers
from feddmf_coordinator.server.alone import stay_alone
from feddmf_coordinator.server.calls import Calls
from feddmf_coordinator.server.credentials import federation_credentials, watch_certificate
from feddmf_coordinator.server.enrolment import serve_enrolment
from feddmf_coordinator.server.federation import FederationService
from feddmf_coordinator.server.health import Health
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.leaving import closed_within, leave_at
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.server.matching import Matchings
from feddmf_coordinator.server.noting import Notes
from feddmf_coordinator.server.partials import Partials
from feddmf_coordinator.server.patience import Patience
from feddmf_coordinator.server.ports import check_port, endpoint
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.server.rules import check_rules
from feddmf_coordinator.server.scheduling import Scheduler
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.server.witness import Witness
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import RoundsFolder
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.telemetry.readings import check_database, looks
from feddmf_coordinator.telemetry.watching import Watching

__all__ = ["listen", "serve", "serve_until_signal"]

log = logging.getLogger(__name__)

_GRACE_S = 2.0
# From the signal on, before the threads; whoever manages services is promised an end within 5 s.
_CLOSING_S = 3.5
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 64),
    # A node beats at least once a minute; a connection that says nothing for five is let go.
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
)
_MOST_CALLS = 1_024


async def serve_until_signal(folder: CoordinatorFolder) -> bool:
    """Serve until SIGTERM or SIGINT; return whether all has ended a few seconds later.

    What has not are threads that combine a round, or wait for a database or a disk that does not answer: the
    process must be left as it is, which costs no more than a power cut.
    """
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    serving, stopping = asyncio.create_task(serve(folder, stop)), asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if await closed_within(_CLOSING_S, serving):
        return True
    log.warning("ended in the middle: threads that do not end are left behind")
    return False


async def serve(
    folder: CoordinatorFolder, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until `stop` is set; `ready` is called once parties can connect.

    Raises LocalResourceError where a port is taken or another process serves this folder, InputError
    where the folder's files cannot be used.
    """
    check_rules()
    settings = folder.load()
    traces = traces_of("coordinator", settings.federation)
    watching = Watching(settings.federation, traces)
    lock = only_one(folder.serving_lock, doing="serving")
    with lock, contextlib.ExitStack() as held:
        # On threads, beside which a signal is heard.
        database = await asyncio.to_thread(Database.open, folder.database_url(settings))
        held.enter_context(database)
        alone = await asyncio.to_thread(held.enter_context, database.sole_server())
        check_port(settings.listen, settings.port)
        shelf = VectorShelf(folder.path / "vectors")
        remove_left_behind(folder.path)
        # Of an earlier process: what it did not finish to write was published by nobody.
        remove_unfinished(shelf.folder)
        rounds = RoundsFolder(folder.rounds, settings.checkpoint_s)
        notes = await asyncio.to_thread(Notes, database)
        observer = Observers(watching, notes)
        supervisor = Supervisor(database, shelf, rounds, observer, settings.limits)
        await supervisor.recover(stop)
        doorkeeper = Doorkeeper(settings.federation, database, observer=observer)
        calls = Calls(doorkeeper, observer)
        library = Library(database, shelf)
        receipts = Receipts(folder, settings.federation)
        witness = Witness(receipts, database)
        partials = Partials(most_bytes=settings.limits.cut_bytes)
        service = FederationService(
            settings.federation,
            calls,
            library,
            supervisor,
            matchings=Matchings(database),
            renewals=RenewalDesk(doorkeeper, database),
            witness=witness,
            partials=partials,
        )

        def memory() -> int:
            return supervisor.held_bytes() + partials.nbytes

        for look in looks(folder, database, receipts, calls=calls.under_way, held=memory):
            watching.meters.look(look)
        checks = {"database": functools.partial(check_database, database)}
        server = await listen(folder, settings, service, Health(calls, stop))
        try:
            async with exposed(settings.metrics, watching.meters, checks), asyncio.TaskGroup() as group:
                ready()
                group.create_task(supervisor.serve(stop))
                for each in (
                    serve_enrolment(folder, database, stop),
                    calls.watch(stop),
                    witness.keep_anchors(stop),
                    library.keep_tidy(stop),
                    notes.keep(stop),
                    watch_certificate(folder, stop),
                    stay_alone(alone, stop),
                    Scheduler(database, settings.limits).serve(stop),
                ):
                    group.create_task(leave_at(stop, each))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        finally:
            await server.stop(_GRACE_S)
            await leave_at(stop, asyncio.to_thread(traces.close))
            log.info("stopped")


async def listen(
    folder: CoordinatorFolder, settings: CoordinatorSettings, service: FederationService, health: Health
) -> grpc.aio.Server:
    """Return a server that listens on the federation port; LocalResourceError where it is taken."""
    server = grpc.aio.server(
        interceptors=(Patience(),), options=_OPTIONS, maximum_concurrent_rpcs=_MOST_CALLS
    )
    add_service(service, server)
    add_HealthServicer_to_server(health, server)
    address = endpoint(settings.listen, settings.port)
    try:
        server.add_secure_port(address, federation_credentials(folder))
    except RuntimeError as error:
        # Taken since it was looked at.
        raise LocalResourceError(
            f"cannot listen on {address}: {error}",
            hint="end what listens there, or change `port` in coordinator.toml",
        ) from error
    await server.start()
    log.info("federation %s is served at %s", settings.federation, address)
    return server
