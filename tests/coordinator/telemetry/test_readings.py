"""What is read at a scrape: the queue, certificates, ledgers, database and disk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from feddmf.errors import LocalResourceError
from feddmf.telemetry.meters import Reading
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.runs import RunState, add_run, set_state
from feddmf_coordinator.telemetry import metrics
from feddmf_coordinator.telemetry.readings import check_database, looks
from support.authority import EnrolledFederation, make_federation
from support.runs import run_settings


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> EnrolledFederation:
    """A coordinator with two parties."""
    return make_federation(tmp_path_factory.mktemp("founded"))


class Told:
    """A ledger of twelve records, to which one party has told five of its own."""

    def __len__(self) -> int:
        return 12

    def told(self) -> dict[str, int]:
        """Return what parties have told."""
        return {"acme": 5}


def read(federation: EnrolledFederation) -> list[Reading]:
    """Return everything that is read of a federation."""
    with federation.open_database() as database:
        found = looks(federation.folder, database, cast("Receipts", Told()), calls=lambda: 3, held=lambda: 64)
        return [reading for look in found for reading in look()]


def test_everything_that_is_to_be_read_is(federation: EnrolledFederation) -> None:
    """And nothing else; ends of certificates lie ahead, and the disk has room."""
    readings = read(federation)
    assert {reading.metric for reading in readings} == {each for each in metrics.METRICS if each.read}
    values = {(each.metric.name, *each.labels.values()): each.value for each in readings}
    now = datetime.now(UTC).timestamp()
    assert values[metrics.CERTIFICATE_END.name, "acme"] > now
    assert values[metrics.CERTIFICATE_END.name, "bolt"] > now
    assert values[metrics.SERVER_CERTIFICATE_END.name,] > now
    assert values[metrics.CALLS_UNDER_WAY.name,] == 3
    assert values[metrics.HELD_BYTES.name,] == 64
    assert (values[metrics.LEDGER_RECORDS.name,], values[metrics.PARTY_LEDGER_RECORDS.name, "acme"]) == (
        12,
        5,
    )
    assert values[metrics.DISK_FREE.name,] > 0
    assert values[metrics.DATABASE_UP.name,] == 1


def test_the_queue_is_what_was_submitted(federation: EnrolledFederation) -> None:
    """Each state has a series, those without a run too."""
    settings, now = run_settings(("acme", "bolt")), datetime.now(UTC)
    with federation.open_database() as database, database.begin() as connection:
        first, _ = (add_run(connection, settings, version=1, digest="d" * 64, now=now) for _ in range(2))
        set_state(connection, first, RunState.FAILED, now=now, reason="x")
    counts = {each.labels["state"]: each.value for each in read(federation) if each.metric is metrics.RUNS}
    assert counts == {**dict.fromkeys(RunState, 0), "submitted": 1, "failed": 1}


def test_a_database_that_is_gone_is_told(federation: EnrolledFederation) -> None:
    """It is down, the rest is read all the same, and health says so."""

    class Away:
        def read(self) -> None:
            raise LocalResourceError("the database is away")

    away, receipts = cast("Database", Away()), cast("Receipts", Told())
    from_database, from_process, from_disk = looks(
        federation.folder, away, receipts, calls=lambda: 0, held=lambda: 0
    )
    assert {each.metric: each.value for each in from_process()}[metrics.DATABASE_UP] == 0
    assert list(from_disk())
    with pytest.raises(LocalResourceError):
        list(from_database())
    with pytest.raises(LocalResourceError):
        check_database(away)
