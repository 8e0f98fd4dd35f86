"""Schedules: submitted when their time has come, once for all times that were missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from feddmf.cli.main import run
from feddmf.errors import InputError
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.server.scheduling import Scheduler
from feddmf_coordinator.store.catalogues import acceptances
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import read_log
from feddmf_coordinator.store.runs import RunState, find_run, list_runs, set_state
from feddmf_coordinator.store.schedules import (
    add_schedule,
    due_schedules,
    find_schedule,
    list_schedules,
    next_time,
    remove_schedule,
    schedules,
)
from support.authority import EnrolledFederation, copied
from support.federation import founded, quick_run
from support.runs import small_run

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
# A run file of another version.
OLD = '{"name": "old", "purpose": "p", "parties": ["acme", "bolt"], "old_key": 1}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> EnrolledFederation:
    """Return a federation that nobody changes."""
    return founded(tmp_path_factory.mktemp("made"), small_run(2))


@pytest.fixture
def database(made: EnrolledFederation, tmp_path: Path) -> Iterator[Database]:
    """Return a database of one's own with a schedule whose first time is noon."""
    with copied(made, tmp_path).open_database() as database:
        with database.begin() as connection:
            add_schedule(connection, quick_run(("acme", "bolt"), seed=7), WEEK, by="ann", now=NOON)
        yield database


def submitted(database: Database, now: datetime) -> tuple[str, ...]:
    """Return the runs that are submitted by a look at `now`."""
    return Scheduler(database, LimitSettings(), clock=lambda: now).submit_due()


def end(database: Database, name: str) -> None:
    """End a run."""
    with database.begin() as connection:
        set_state(connection, name, RunState.FAILED, now=NOON, reason="a test")


def test_a_time_that_has_come_is_submitted_once(database: Database) -> None:
    """By nobody but the schedule, which the operators' log says; with a seed of its own each time."""
    assert submitted(database, NOON - timedelta(seconds=1)) == ()
    (first,) = submitted(database, NOON)
    assert submitted(database, NOON) == ()
    end(database, first)
    assert submitted(database, NOON + timedelta(days=6)) == ()
    (second,) = submitted(database, NOON + WEEK)
    with database.read() as connection:
        seeds = [find_run(connection, name).plan.settings.seed for name in (first, second)]
        (schedule,) = list_schedules(connection)
        said = read_log(connection)[-1]
    assert seeds == [7, 8]
    assert (schedule.times, schedule.last_run, schedule.next_at) == (2, second, NOON + 2 * WEEK)
    assert (said["operator"], said["action"], said["what"]["run"]) == ("schedules", "run submit", second)


def test_missed_times_are_made_up_for_once(database: Database) -> None:
    """A coordinator that was off for a month submits one run, and goes on in step."""
    late = NOON + timedelta(days=30)
    assert len(submitted(database, late)) == 1
    with database.read() as connection:
        (schedule,) = list_schedules(connection)
    assert schedule.next_at == NOON + 5 * WEEK


def test_a_run_under_way_is_not_overtaken(database: Database) -> None:
    """What comes due meanwhile is submitted when the run has ended."""
    (first,) = submitted(database, NOON)
    assert submitted(database, NOON + WEEK) == ()
    end(database, first)
    assert len(submitted(database, NOON + WEEK + timedelta(hours=5))) == 1


def test_what_cannot_be_submitted_is_told_and_tried_again(database: Database) -> None:
    """A party that has not accepted the catalogue stops one time, not the schedule."""
    with database.begin() as connection:
        kept = connection.execute(acceptances.select()).mappings().all()
        connection.execute(acceptances.delete().where(acceptances.c.party == "bolt"))
    assert submitted(database, NOON) == ()
    with database.begin() as connection:
        (schedule,) = list_schedules(connection)
        connection.execute(acceptances.insert(), [dict(row) for row in kept if row["party"] == "bolt"])
    assert schedule.trouble.startswith("bolt has not accepted catalogue version 1")
    assert (schedule.times, schedule.next_at) == (0, NOON + WEEK)
    assert len(submitted(database, NOON + WEEK)) == 1
    with database.read() as connection:
        assert list_schedules(connection)[0].trouble == ""


def test_a_schedule_that_was_removed_submits_nothing(database: Database) -> None:
    """Its id is free for nobody, and it is not there any more."""
    with database.begin() as connection:
        (schedule,) = list_schedules(connection)
        remove_schedule(connection, schedule.schedule, now=NOON)
        assert list_schedules(connection) == ()
        with pytest.raises(InputError, match="there is no schedule"):
            find_schedule(connection, schedule.schedule)
    assert submitted(database, NOON + WEEK) == ()


def garble(database: Database) -> tuple[str, str]:
    """Add a schedule that another version wrote, and one that is torn; return their ids."""
    with database.begin() as connection:
        old, torn = (
            add_schedule(connection, quick_run(("acme", "bolt")), WEEK, by="ann", now=NOON) for _ in "ab"
        )
        for name, text in ((old, OLD), (torn, "{")):
            row = update(schedules).where(schedules.c.schedule == name)
            connection.execute(row.values(settings=text))
    return old, torn


def test_a_schedule_that_cannot_be_read_harms_nobody(database: Database) -> None:
    """It is told as trouble, others are submitted, and it can be removed."""
    old, torn = garble(database)
    assert len(submitted(database, NOON)) == 1
    with database.begin() as connection:
        well, first, second = list_schedules(connection)
        assert (well.trouble, well.times) == ("", 1)
        assert "unknown key old_key" in first.trouble
        assert second.trouble == f"the run file of schedule {torn} is damaged"
        assert (first.times, first.next_at) == (0, NOON + WEEK)
        remove_schedule(connection, old, now=NOON)
        assert [each.schedule for each in list_schedules(connection)] == [well.schedule, torn]


def test_a_schedule_that_is_removed_at_the_last_moment_harms_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what is due and its turn."""

    def due(connection: Connection, now: datetime) -> tuple[str, ...]:
        found = due_schedules(connection, now)
        with database.begin() as other:
            remove_schedule(other, found[0], now=now)
        return found

    monkeypatch.setattr("feddmf_coordinator.server.scheduling.due_schedules", due)
    assert submitted(database, NOON) == ()


def test_the_scheduler_outlives_whatever_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is due now is due at the next look."""
    scheduler, stop = Scheduler(database, LimitSettings()), asyncio.Event()

    def fail() -> None:
        stop.set()
        raise InputError("a look that fails")

    monkeypatch.setattr(scheduler, "submit_due", fail)
    asyncio.run(scheduler.serve(stop))
    assert "cannot look at schedules: a look that fails" in caplog.text


def test_a_clock_that_was_ahead_puts_nothing_off(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """What was set while it was years ahead comes one period after the clock is right again."""
    (first,) = submitted(database, NOON + timedelta(days=3_650))
    end(database, first)
    assert submitted(database, NOON) == ()
    with database.read() as connection:
        (schedule,) = list_schedules(connection)
    assert schedule.next_at == NOON + WEEK
    assert f"the clock was ahead; one period from now comes schedule {schedule.schedule}" in caplog.text
    assert len(submitted(database, NOON + WEEK)) == 1


@given(st.integers(60, 10**6), st.integers(-(10**7), 10**7))
def test_the_next_time_is_in_step_and_ahead(every_s: int, later_s: int) -> None:
    """It is a whole number of periods away, behind now, and never more than one period."""
    every, now = timedelta(seconds=every_s), NOON + timedelta(seconds=later_s)
    found = next_time(NOON, every, now)
    assert (found - NOON) % every == timedelta()
    assert found > max(now, NOON) or found == NOON + every
    assert found - max(now, NOON) <= every


def test_schedules_by_command(
    made: EnrolledFederation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submitted at once and again; listed with what came of it; removed; each in the operators' log."""
    own = copied(made, tmp_path)
    folder = own.folder.path
    file = tmp_path / "run.toml"
    file.write_text('name = "Weekly"\npurpose = "a test"\nparties = ["acme", "bolt"]\n')

    def data(*arguments: str) -> dict[str, object]:
        assert run([*arguments, "--folder", str(folder), "--format", "json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)["data"]
        return found

    submitted = data("run", "submit", str(file), "--every", "2w")
    assert (submitted["run"], submitted["schedule"]) == ("weekly-1", "every-weekly-1")
    assert run(["run", "schedules", "--folder", str(folder)]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["schedule", "every", "next", "times", "last", "run", "trouble"]
    assert row.split()[:2] == ["every-weekly-1", "2w"]
    (listed,) = data("run", "schedules")["schedules"]  # type: ignore[misc]
    assert (listed["times"], listed["last_run"], listed["added_by"]) == (1, "weekly-1", "operator")
    with own.open_database() as database:
        old, torn = garble(database)
    listed, unreadable, _ = data("run", "schedules")["schedules"]  # type: ignore[misc]
    assert (listed["trouble"], unreadable["name"]) == (None, None)
    assert "unknown key old_key" in unreadable["trouble"]
    for each in (old, torn):
        data("run", "unschedule", each)
    assert data("run", "unschedule", "every-weekly-1") == {"schedule": "every-weekly-1", "removed": True}
    assert data("run", "schedules") == {"schedules": []}
    with own.open_database() as database, database.read() as connection:
        actions = [record["action"] for record in read_log(connection)]
        assert len(list_runs(connection)) == 1
    assert actions[-4:] == ["run submit", *["run unschedule"] * 3]


@pytest.mark.parametrize("period", ["0d", "7", "d", "-1d", "1.5h", "7 days", "99999w", "1s"])
def test_a_period_that_is_none_is_refused(
    made: EnrolledFederation, period: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how one is written; nothing is submitted."""
    folder = str(made.folder.path)
    assert run(["run", "submit", "x.toml", f"--every={period}", "--folder", folder]) == 4
    assert "write 90m, 12h, 7d or 2w" in capsys.readouterr().err
