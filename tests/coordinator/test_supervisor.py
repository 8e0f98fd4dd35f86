"""Runs that earlier processes and other versions left in the database."""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from sqlalchemy import update

from feddmf.errors import LocalResourceError, RunFailed
from feddmf.runfile import RunSettings
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.store.catalogues import add_catalogue
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import RoundsFolder
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import (
    Run,
    RunState,
    add_run,
    ask_to_stop,
    find_run,
    list_rounds,
    runs,
    set_state,
)
from support.databases import new_database
from support.enrolment import until
from support.sessions import CATALOGUE, CATALOGUE_CSV, ServedRun, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
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


def _supervisor(database: Database, folder: Path) -> Supervisor:
    return Supervisor(database, VectorShelf(folder / "vectors"), RoundsFolder(folder / "rounds"))


def _serve(database: Database, folder: Path, done: str) -> None:
    """Serve until the run `done` has ended."""

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(_supervisor(database, folder).serve(stop))
        await until(lambda: RunState(_row(database, done)[0]).ended)
        stop.set()
        async with asyncio.timeout(10):
            await task

    asyncio.run(main())


def _recover(supervisor: Supervisor) -> None:
    asyncio.run(supervisor.recover(asyncio.Event()))


@pytest.mark.parametrize("state", [RunState.GATHERING, RunState.RUNNING, RunState.PUBLISHING])
def test_a_run_that_cannot_be_gone_on_with_has_failed(
    database: Database, tmp_path: Path, state: RunState
) -> None:
    """With what is gone or cannot be read; what waits, and what has ended, is left alone."""
    left, odd, waits, ended = _add(database, state), _add(database, state), _add(database), _add(database)
    with database.begin() as connection:
        set_state(connection, ended, RunState.STOPPED, now=NOW, reason="why")
    _break(database, odd)
    (tmp_path / "rounds" / ended).mkdir(parents=True)
    _recover(_supervisor(database, tmp_path))
    gone = "the coordinator cannot go on with the run: catalogue version 1 has not been published"
    assert _row(database, left) == ("failed", gone)
    assert _row(database, odd)[0] == "failed"
    assert f"run {odd} in the database: " in _row(database, odd)[1]
    assert _row(database, waits) == ("submitted", "")
    assert _row(database, ended) == ("stopped", "why")
    assert not (tmp_path / "rounds" / ended).exists()


@pytest.mark.parametrize(
    ("state", "at"), [("gathering", ""), ("running", "1"), ("running", "2"), ("publishing", "3")]
)
def test_a_run_under_way_is_gone_on_with(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str, at: str
) -> None:
    """From what an earlier process kept of it, and left again when this one is stopped."""
    caplog.set_level("INFO")

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            with database.begin() as connection:
                published = add_catalogue(connection, CATALOGUE_CSV, where="catalogue.csv", now=NOW)
            assert published.digest() == CATALOGUE.digest()
            if at:
                await served.join()
                await served.session.begun("acme")
            for place in range(int(at or 1) - 1):
                await served.round(place)
            await until(lambda: served.run.state.value == state)
            await served.leave()
            supervisor, stop = _supervisor(database, tmp_path), asyncio.Event()
            await supervisor.recover(stop)
            found = await supervisor.session(served.run.run, "acme")
            assert found.state.value == state
            working = asyncio.create_task(supervisor.serve(stop))
            await asyncio.sleep(0.1)
            stop.set()
            async with asyncio.timeout(10):
                await working
            assert served.run.state.value == state
            with pytest.raises(LocalResourceError, match="the coordinator is being stopped"):
                await supervisor.session(served.run.run, "acme")

    asyncio.run(main())
    assert (f"run r-1 goes on from round {at}" in caplog.text) is bool(at)
    assert "run r-1 is left in the middle, to be gone on with" in caplog.text


def test_a_lost_round_fails_its_run_alone_and_is_named(database: Database, tmp_path: Path) -> None:
    """The reason says which file; everything else of the run goes."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            with database.begin() as connection:
                add_catalogue(connection, CATALOGUE_CSV, where="catalogue.csv", now=NOW)
            await served.join()
            await served.round(0)
            await served.leave()
            (served.rounds / "round-000000.checked").write_bytes(b"torn")
            await _supervisor(database, tmp_path).recover(asyncio.Event())
            assert served.run.state is RunState.FAILED
            assert served.run.reason == (
                "the coordinator cannot go on with the run: rounds/r-1/round-000000.checked is damaged"
            )
            assert served.run.hint == "submit the run again"
            assert not served.rounds.exists()
            assert (tmp_path / "rounds" / "r-1.damaged" / "round-000000.checked").read_bytes() == b"torn"

    asyncio.run(main())


def test_a_disk_that_cannot_be_read_for_a_moment_leaves_runs_as_they_are(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator does not start; the next time it goes on."""

    async def main() -> None:
        async with _left_after_a_round(database, tmp_path) as served:
            opened = Path.open

            def broken(path: Path, mode: str = "r") -> IO[Any]:
                if path.suffix == ".checked":
                    raise OSError(errno.EIO, "Input/output error")
                return opened(path, mode)

            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", broken)
                with pytest.raises(LocalResourceError, match="cannot read rounds/r-1/round-000000"):
                    await _supervisor(database, tmp_path).recover(asyncio.Event())
            assert served.run.state is RunState.RUNNING
            await _goes_on(database, tmp_path)

    asyncio.run(main())


def test_another_folder_of_rounds_is_not_served_with(database: Database, tmp_path: Path) -> None:
    """Nothing is ended and nothing removed, until the operator gives the run up."""

    async def main() -> None:
        async with _left_after_a_round(database, tmp_path) as served:
            elsewhere = tmp_path / "elsewhere"
            with pytest.raises(LocalResourceError, match="elsewhere/rounds has no rounds of r-1") as caught:
                await _supervisor(database, elsewhere).recover(asyncio.Event())
            assert caught.value.hint.endswith("feddmf run stop r-1")
            assert served.run.state is RunState.RUNNING
            await _goes_on(database, tmp_path)
            with database.begin() as connection:
                ask_to_stop(connection, "r-1")
            await _supervisor(database, elsewhere).recover(asyncio.Event())
            assert (served.run.state, served.run.reason) == (RunState.STOPPED, "the operator stopped the run")

    asyncio.run(main())


@asynccontextmanager
async def _left_after_a_round(database: Database, folder: Path) -> AsyncIterator[ServedRun]:
    async with serving(database, folder) as served:
        with database.begin() as connection:
            add_catalogue(connection, CATALOGUE_CSV, where="catalogue.csv", now=NOW)
        await served.join()
        await served.round(0)
        await until(lambda: bool(_rounds(database)))
        await served.leave()
        yield served


def _rounds(database: Database) -> tuple[dict[str, Any], ...]:
    with database.read() as connection:
        return list_rounds(connection, "r-1")


async def _goes_on(database: Database, folder: Path) -> None:
    """Go on with the run r-1, and leave it again."""
    supervisor, stop = _supervisor(database, folder), asyncio.Event()
    await supervisor.recover(stop)
    assert (await supervisor.session("r-1", "acme")).state is RunState.RUNNING
    stop.set()
    await supervisor.serve(stop)


@pytest.mark.parametrize("away", ["_make_session", "_end"])
def test_a_database_that_is_away_for_a_moment_costs_no_submitted_run(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    """It waits until it can be begun, or until its end can be written."""
    run, attempts = _add(database), itertools.count()
    works = getattr(Supervisor, away)

    def sometimes(self: Supervisor, *arguments: object) -> object:
        if next(attempts) < 2:
            assert _row(database, run) == ("submitted", "")
            raise LocalResourceError("the database is away")
        return works(self, *arguments)

    monkeypatch.setattr(Supervisor, away, sometimes)
    _serve(database, tmp_path, run)
    assert _row(database, run) == ("failed", "catalogue version 1 has not been published")
    assert next(attempts) == 3


def test_a_stop_while_runs_are_taken_up_leaves_them(database: Database, tmp_path: Path) -> None:
    """Nobody is told that they have ended."""
    run = _add(database, RunState.RUNNING)
    supervisor, stop = _supervisor(database, tmp_path), asyncio.Event()
    stop.set()

    async def main() -> None:
        await supervisor.recover(stop)
        with pytest.raises(LocalResourceError, match="being stopped"):
            await supervisor.session(run, "acme")

    asyncio.run(main())


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
    supervisor = _supervisor(database, tmp_path)

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
