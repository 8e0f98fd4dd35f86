"""Who was heard from and whom runs wait for, as another process finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import LocalResourceError
from feddmf_coordinator.observer import Bounds, Observer, Observers
from feddmf_coordinator.server.noting import Notes
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import RunState, add_run
from feddmf_coordinator.store.sightings import GONE_AFTER, Sighting, Wait, find_wait, list_sightings
from support.databases import new_database
from support.runs import run_settings, small_run

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


class Told:
    """Notes with a clock that is set by hand."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.database = database
        self.notes = Notes(database, clock=lambda: self.now)

    def call(self, party: str, after: timedelta = timedelta()) -> None:
        """Let a party call."""
        self.now += after
        self.notes.call_admitted(party, "Beat")

    def written(self) -> dict[str, Sighting]:
        """Return what another process finds after the next write."""
        asyncio.run(self.notes.write())
        with self.database.read() as connection:
            return list_sightings(connection)


def test_a_party_is_there_from_its_first_call_to_its_last(database: Database) -> None:
    """With the software that it told; after a long silence it is there anew."""
    told = Told(database)
    told.call("acme")
    told.notes.party_greeted("acme", "1.2")
    told.call("acme", GONE_AFTER - SECOND)
    last = told.now
    assert told.written() == {"acme": Sighting("acme", NOW, last, "1.2")}
    told.call("acme", GONE_AFTER)
    assert told.written() == {"acme": Sighting("acme", told.now, told.now, "1.2")}


def test_a_server_that_comes_back_knows_who_was_there(database: Database) -> None:
    """A restart is no gap where the party goes on calling."""
    told = Told(database)
    told.call("acme")
    told.written()
    again = Told(database)
    again.call("acme", 60 * SECOND)
    assert again.written()["acme"].since == NOW


def test_calls_within_seconds_are_written_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy party does not keep the disk busy too."""
    told = Told(database)
    told.call("acme")
    told.written()
    told.call("acme", 5 * SECOND)
    assert told.written()["acme"].seen_at == NOW
    told.call("acme", 10 * SECOND)
    assert told.written()["acme"].seen_at == told.now


def test_whom_a_run_waits_for_is_kept_until_it_ends(database: Database) -> None:
    """Since the wait began, not since the last of several came."""
    plan = small_run(2).plan
    with database.begin() as connection:
        run = add_run(connection, run_settings(plan.roster), version=1, digest="0" * 64, now=NOW)
    plan = plan.model_copy(update={"run": run})
    told = Told(database)

    def found() -> Wait | None:
        told.written()
        with database.read() as connection:
            return find_wait(connection, run)

    told.notes.run_waits(plan, "answer", ("acme", "bolt"), Bounds(120, 20, 1))
    told.now += SECOND
    told.notes.run_waits(plan, "answer", ("bolt",), Bounds(119, 20, 1))
    assert found() == Wait(run, "answer", ("bolt",), NOW, NOW + 120 * SECOND, 20 * SECOND, 1)
    told.notes.run_waits(plan, "answer", ("bolt",), Bounds(300))
    assert found() == Wait(run, "answer", ("bolt",), NOW, told.now + 300 * SECOND)
    told.notes.run_waits(plan, "contribution", (), Bounds(10))
    assert found() == Wait(run, "contribution", (), told.now, told.now + 10 * SECOND)
    told.notes.run_entered(plan, RunState.FINISHED)
    assert found() is None


def test_who_is_waited_for_is_written_as_often_as_silence_counts(database: Database) -> None:
    """So that whoever looks can tell that it is still there."""
    told = Told(database)
    told.call("acme")
    told.written()
    told.notes.run_waits(small_run(2).plan, "answer", ("acme",), Bounds(600, absent_s=20))
    told.notes._changed.clear()
    told.call("acme", 4 * SECOND)
    assert told.written()["acme"].seen_at == NOW
    told.call("acme", SECOND)
    assert told.written()["acme"].seen_at == told.now


def test_what_a_database_refuses_is_written_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk loses nothing of it."""
    told = Told(database)
    told.call("acme")
    with monkeypatch.context() as away:

        def refuse(self: Database) -> None:
            raise LocalResourceError("full")

        away.setattr(Database, "begin", refuse)
        assert told.written() == {}
    assert list(told.written()) == ["acme"]


def test_each_observer_is_told() -> None:
    """Of everything, in the same words."""
    heard: list[tuple[str, tuple[object, ...]]] = []

    class Ear(Observer):
        def __getattribute__(self, name: str) -> object:
            return lambda *what: heard.append((name, what))

    both, plan = Observers(Ear(), Ear()), small_run(2).plan
    names = [name for name in vars(Observer) if not name.startswith("_")]
    for name in names:
        count = {"run_entered": 3, "round_closed": 4, "run_waits": 4, "call_refused": 1}.get(name, 2)
        getattr(both, name)(*[plan] * count)
    assert heard == [each for name in names for each in [(name, told(heard, name))] * 2]


def told(heard: list[tuple[str, tuple[object, ...]]], name: str) -> tuple[object, ...]:
    """Return what the first ear heard of `name`."""
    return next(what for called, what in heard if called == name)
