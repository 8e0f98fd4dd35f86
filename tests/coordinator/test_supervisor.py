"""Runs that earlier processes and other versions left in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from feddmf.errors import RunFailed
from feddmf.runfile import RunSettings
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import Run, RunState, add_run, find_run, runs, set_state
from support.enrolment import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with Database.open(f"sqlite:///{tmp_path}/db") as database:
        yield database


def _add(database: Database, state: RunState = RunState.SUBMITTED) -> str:
    settings = RunSettings.model_validate({"name": "r", "purpose": "p", "parties": ("acme", "bolt")})
    with database.begin() as connection:
        run = add_run(connection, settings, version=1, digest="d" * 64, now=NOW)
        set_state(connection, run, state, now=NOW)
    return run


def _break(database: Database, run: str) -> None:
    with database.begin() as connection:
        connection.execute(update(runs).where(runs.c.run == run).values(settings='{"odd": 1}'))


def _row(database: Database, run: str) -> tuple[str, str]:
    with database.read() as connection:
        row = connection.execute(runs.select().where(runs.c.run == run)).one()
    return row.state, row.reason


def _serve(database: Database, folder: Path, done: str) -> None:
    """Serve until the run `done` has ended."""

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Supervisor(database, VectorShelf(folder)).serve(stop))
        await until(lambda: RunState(_row(database, done)[0]).ended)
        stop.set()
        async with asyncio.timeout(10):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("state", [RunState.GATHERING, RunState.RUNNING, RunState.PUBLISHING])
def test_a_run_that_was_under_way_has_failed(database: Database, tmp_path: Path, state: RunState) -> None:
    """Also one whose settings this version cannot read; what waits, and what has ended, is left alone."""
    left, odd, waits, ended = _add(database, state), _add(database, state), _add(database), _add(database)
    with database.begin() as connection:
        set_state(connection, ended, RunState.STOPPED, now=NOW, reason="why")
    _break(database, odd)
    Supervisor(database, VectorShelf(tmp_path)).recover()
    for run in (left, odd):
        assert _row(database, run) == ("failed", "the coordinator ended in the middle of the run")
    assert _row(database, waits) == ("submitted", "")
    assert _row(database, ended) == ("stopped", "why")


def test_a_submitted_run_that_cannot_be_read_fails_alone(database: Database, tmp_path: Path) -> None:
    """It does not keep the coordinator from those behind it."""
    odd, other = _add(database), _add(database)
    _break(database, odd)
    _serve(database, tmp_path, other)
    assert _row(database, odd)[0] == "failed"
    assert _row(database, odd)[1].startswith(f"run {odd} in the database: ")
    assert _row(database, other) == ("failed", "catalogue version 1 has not been published")


def test_a_run_that_nobody_serves_is_ended(database: Database, tmp_path: Path) -> None:
    """Its session broke and could not say so."""
    run = _add(database, RunState.RUNNING)
    _serve(database, tmp_path, run)
    assert _row(database, run) == ("failed", "an internal error of the coordinator; its log says more")


def test_a_run_is_known_to_its_parties_alone(database: Database, tmp_path: Path) -> None:
    """To everybody else it is as if there were none; to its own it says how it ended."""
    run = _add(database, RunState.STOPPED)
    with database.begin() as connection:
        set_state(connection, run, RunState.FAILED, now=NOW, reason="bolt is missing", hint="look")
    supervisor = Supervisor(database, VectorShelf(tmp_path))

    async def find(name: str, party: str) -> Run:
        return await supervisor.find(name, party)

    assert asyncio.run(find(run, "acme")).state is RunState.FAILED
    for name, party in ((run, "cargo"), ("r-9", "acme"), ("", "acme"), ("../r-1", "acme")):
        with pytest.raises(RunFailed, match=f"{party} has no part in a run"):
            asyncio.run(find(name, party))
    with pytest.raises(RunFailed, match="bolt is missing") as caught:
        asyncio.run(supervisor.session(run, "acme"))
    assert caught.value.hint == "look"
    with database.read() as connection:
        assert find_run(connection, run).hint == "look"
