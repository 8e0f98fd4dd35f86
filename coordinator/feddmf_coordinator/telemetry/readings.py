"""What is read when somebody looks: queue, certificates, ledgers, database and disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from feddmf.errors import LocalResourceError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate
from feddmf.telemetry.meters import Look, Reading
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.enrolment import list_parties
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.runs import RunState, count_runs
from feddmf_coordinator.telemetry import metrics

__all__ = ["check_database", "looks"]


def looks(
    folder: CoordinatorFolder,
    database: Database,
    receipts: Receipts,
    *,
    calls: Callable[[], int],
    held: Callable[[], int],
) -> tuple[Look, ...]:
    """Return what reads the coordinator's figures.

    calls: how many are under way; held: bytes that are taken of the limit on memory.
    """

    def from_database() -> Iterator[Reading]:
        with database.read() as connection:
            counts = count_runs(connection)
            parties = list_parties(connection, now=datetime.now(UTC))
        for state in RunState:
            yield Reading(metrics.RUNS, counts.get(state, 0), {"state": state.value})
        for party in parties:
            if party.certificate_until is not None:
                until = party.certificate_until.timestamp()
                yield Reading(metrics.CERTIFICATE_END, until, {"party": party.party})

    def from_process() -> Iterator[Reading]:
        yield Reading(metrics.DATABASE_UP, _is_up(database))
        yield Reading(metrics.CALLS_UNDER_WAY, calls())
        yield Reading(metrics.HELD_BYTES, held())
        yield Reading(metrics.LEDGER_RECORDS, len(receipts))
        for party, length in receipts.told().items():
            yield Reading(metrics.PARTY_LEDGER_RECORDS, length, {"party": party})

    def from_disk() -> Iterator[Reading]:
        yield Reading(metrics.DISK_FREE, shutil.disk_usage(folder.path).free)
        pem = read_bytes(folder.server_certificate, what="the server's certificate", hint="")
        end = decode_certificate(pem, what=str(folder.server_certificate)).not_valid_after_utc
        yield Reading(metrics.SERVER_CERTIFICATE_END, end.timestamp())

    return from_database, from_process, from_disk


def check_database(database: Database) -> None:
    """Raise LocalResourceError unless the database answers."""
    with database.read() as connection:
        count_runs(connection)


def _is_up(database: Database) -> bool:
    try:
        check_database(database)
    except LocalResourceError:
        return False
    return True
