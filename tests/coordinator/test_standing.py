"""How runs stand, and what their rounds came to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feddmf.rounds import RoundRecord
from feddmf_coordinator.curves import Curves, curves_of
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.standing import RunStanding, standing_of_run
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import (
    RunState,
    add_round,
    add_run,
    answer_run,
    ask_to_stop,
    find_run,
    list_rounds,
    set_state,
)
from feddmf_coordinator.store.sightings import Sighting, Wait, put_sightings, put_wait
from support.databases import new_database
from support.runs import run_settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


def added(database: Database, *parties: str, **sections: Any) -> str:
    """Submit a run."""
    settings = run_settings(parties or ("acme", "bolt"), **sections)
    with database.begin() as connection:
        return add_run(connection, settings, version=1, digest="d" * 64, now=NOW)


def enter(database: Database, run: str, state: RunState, **end: str) -> None:
    """Move a run to a state."""
    with database.begin() as connection:
        set_state(connection, run, state, now=NOW, **end)


def stands(database: Database, run: str, *, serving: bool = True, runs: int = 8) -> RunStanding:
    """Return how a run stands."""
    with database.read() as connection:
        found = find_run(connection, run)
        return standing_of_run(connection, found, LimitSettings(runs=runs), serving=serving, now=NOW)


def test_whom_a_run_waits_for_is_told_with_what_to_do(database: Database) -> None:
    """Since when, until when, and of each party whether it is there at all."""
    run = added(database)
    enter(database, run, RunState.GATHERING)
    with database.begin() as connection:
        put_sightings(connection, [Sighting("acme", NOW - MINUTE, NOW)])
        put_wait(connection, Wait(run, "answer to the run", ("acme", "bolt"), NOW - MINUTE, NOW + MINUTE))
    found = stands(database, run)
    ends = "without it the run fails 2026-11-22 12:01 UTC"
    assert found.text == f"it waits for acme and bolt: answer to the run, for 60 s; {ends}"
    assert (found.hint, found.bad) == (found.waits_for[1].hint, True)
    assert [(each.party, each.online, each.hint) for each in found.waits_for] == [
        ("acme", True, "its node decides by its policy.toml; ask acme what the node's log says"),
        ("bolt", False, "ask bolt to look at its node: feddmf doctor, then feddmf party start"),
    ]
    assert json.loads(json.dumps(found.as_dict()))["waits_for"][1]["seen_at"] is None
    enter(database, run, RunState.RUNNING)
    with database.begin() as connection:
        put_wait(connection, Wait(run, "contribution to align 1 of 2", ("acme",), NOW, NOW + MINUTE))
    found = stands(database, run)
    assert (found.hint, found.bad) == ("", False)
    with database.begin() as connection:
        put_wait(connection, Wait(run, "contribution to align 1 of 2", (), NOW, NOW))
    assert stands(database, run).text.startswith("everything is there for contribution to align 1 of 2")


def test_whoever_is_silent_for_too_long_is_away_while_the_run_waits(database: Database) -> None:
    """The earlier of two bounds is told, and how long a silence ends the run."""
    run, second = added(database), timedelta(seconds=1)
    enter(database, run, RunState.RUNNING)
    with database.begin() as connection:
        put_sightings(connection, [Sighting("acme", NOW, NOW - 19 * second)])
        wait = Wait(run, "round", ("acme",), NOW - MINUTE, NOW + MINUTE, 20 * second)
        put_wait(connection, wait)
    found = stands(database, run)
    assert (found.waits_for[0].online, found.until) == (True, NOW + second)
    assert found.text.endswith("the run fails 2026-11-22 12:01 UTC, and before that after 20 s of silence")
    with database.begin() as connection:
        put_sightings(connection, [Sighting("acme", NOW, NOW - 20 * second)])
    assert (stands(database, run).waits_for[0].online, stands(database, run).bad) == (False, True)
    with database.begin() as connection:
        put_wait(connection, replace(wait, until=NOW - second))
    assert stands(database, run).until == NOW - second


def test_a_run_with_a_quorum_goes_on_without(database: Database) -> None:
    """And fails only without more than it can spare."""
    run = added(database, "acme", "bolt", "cone", protocol="fcf", waits={"quorum": 2})
    enter(database, run, RunState.RUNNING)
    wait = Wait(run, "round", ("acme",), NOW, NOW + MINUTE, MINUTE, spare=1)
    with database.begin() as connection:
        put_wait(connection, wait)
    found = stands(database, run)
    assert (found.text.endswith("; it goes on without, as its quorum is there"), found.until) == (True, None)
    with database.begin() as connection:
        put_sightings(connection, [Sighting("bolt", NOW, NOW - timedelta(seconds=30))])
        put_wait(connection, replace(wait, parties=("acme", "bolt"), until=NOW + 2 * MINUTE))
    found = stands(database, run)
    assert "without at least 1 of them the run fails 2026-11-22 12:02 UTC" in found.text
    assert found.until == NOW + MINUTE


def test_a_run_waits_for_its_turn(database: Database) -> None:
    """Behind earlier runs of its parties, or for room among all runs."""
    first, second, other = added(database), added(database, "bolt", "cone"), added(database, "delta", "echo")
    enter(database, first, RunState.RUNNING)
    assert stands(database, second).text == f"it waits for its turn, behind {first}"
    assert stands(database, other).text == "it is submitted, and begins within seconds"
    assert stands(database, other, runs=1).text == "it waits for its turn, with 1 run under way"
    assert stands(database, first).text == "it is running, and has just begun"
    assert (
        stands(database, first, serving=False).hint
        == "start it, and the run goes on: feddmf coordinator start"
    )
    with database.begin() as connection:
        ask_to_stop(connection, first)
    assert stands(database, first).text.startswith("an operator has asked for its end")


def test_how_a_run_ended_is_told(database: Database) -> None:
    """Finished, failed with its reason, or declined by somebody."""
    finished, failed, declined = added(database), added(database), added(database)
    enter(database, finished, RunState.FINISHED)
    enter(database, failed, RunState.FAILED, reason="bolt is missing", hint="look at bolt")
    enter(database, declined, RunState.FAILED, reason="bolt declines the run: no", hint="settle it")
    with database.begin() as connection:
        answer_run(connection, declined, "acme", accepted=True, reason="")
        answer_run(connection, declined, "bolt", accepted=False, reason="the policy says no")
    assert (stands(database, finished).bad, stands(database, finished, serving=False).hint) == (False, "")
    assert stands(database, failed).text == "it failed 2026-11-22 12:00 UTC: bolt is missing"
    found = stands(database, declined)
    assert (found.declined, found.hint, found.bad) == ({"bolt": "the policy says no"}, "settle it", True)
    assert "bolt declined it: the policy says no" in found.text


def curves(database: Database, run: str) -> Curves:
    """Return the curves of a run."""
    with database.read() as connection:
        return curves_of(find_run(connection, run), list_rounds(connection, run))


def test_rounds_become_columns(database: Database) -> None:
    """A column a figure and a party; nobody has a loss before the first training step; what is left."""
    run = added(database, training={"epochs": 4}, alignment={"syncs_per_epoch": 1})
    nothing = curves(database, run).as_dict()
    assert (nothing["done"], nothing["total"], nothing["seconds_left"]) == (0, 5, None)
    assert (nothing["figures"], nothing["losses"]) == ({}, {})
    with database.begin() as connection:
        for number in range(2):
            told = {"cosine": number / 2, "parties": {"acme": {"loss": 0.5}, "bolt": {"loss": 0.25}}}
            record = RoundRecord("align", number, bytes_up=10, bytes_down=5, diagnostics=told)
            add_round(connection, run, number, record, 3.0)
    found = curves(database, run)
    assert (found.done, found.total, found.seconds_left) == (2, 5, 9.0)
    assert found.figures == {"alignment": (0.0, 0.5)}
    assert found.losses == {"acme": (None, 0.5), "bolt": (None, 0.25)}
    assert (found.phases, found.numbers, found.without) == (("align", "align"), (1, 2), ((), ()))


def test_whoever_was_not_counted_is_told_round_by_round(database: Database) -> None:
    """In a run with a quorum."""
    run = added(database, "acme", "bolt", "cone", protocol="fcf", waits={"quorum": 2})
    told = {"objective": 1.0, "counted": ["acme", "cone"]}
    with database.begin() as connection:
        record = RoundRecord("round", 0, bytes_up=1, bytes_down=1, diagnostics=told)
        add_round(connection, run, 0, record, 1.0)
    assert curves(database, run).without == (("bolt",),)
