"""Runs: what was submitted, who answered what, the rounds, and how it ended."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    select,
    update,
)

from feddmf.config import parse_settings
from feddmf.errors import InputError
from feddmf.plan import Plan
from feddmf.rounds import RoundRecord
from feddmf.run_ids import plain_name
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds
from feddmf_coordinator.store.operators import read_log

__all__ = [
    "LOST_RUNS",
    "Run",
    "RunState",
    "add_round",
    "add_run",
    "answer_run",
    "ask_to_stop",
    "count_runs",
    "find_run",
    "is_asked_to_stop",
    "list_answers",
    "list_ids",
    "list_kept",
    "list_rounds",
    "list_runs",
    "numbers_lost_at_restore",
    "set_state",
]

LOST_RUNS = 1_000
"""More than are submitted between a backup and the loss of what came after it."""

_BEYOND = "runs_go_on_behind"

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("run", String(120), nullable=False, unique=True),
    Column("settings", Text, nullable=False),
    Column("catalogue_version", Integer, nullable=False),
    Column("catalogue_digest", String(64), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", Text, nullable=False, default=""),
    Column("hint", Text, nullable=False, default=""),
    Column("stop_asked", Boolean, nullable=False, default=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
answers = Table(
    "run_answers",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("party", String(32), primary_key=True),
    Column("accepted", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)
rounds = Table(
    "run_rounds",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("phase", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("bytes_up", BigInteger, nullable=False),
    Column("bytes_down", BigInteger, nullable=False),
    Column("diagnostics", JSON, nullable=False),
)


class RunState(enum.StrEnum):
    """Where a run stands."""

    SUBMITTED = "submitted"
    GATHERING = "gathering"
    RUNNING = "running"
    PUBLISHING = "publishing"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in {RunState.FINISHED, RunState.FAILED, RunState.STOPPED}

    @classmethod
    def under_way(cls) -> tuple[RunState, ...]:
        """Return the states of a run that is being served, or was when its coordinator died."""
        return cls.GATHERING, cls.RUNNING, cls.PUBLISHING


@dataclass(frozen=True)
class Run:
    """One run as the database has it."""

    plan: Plan
    state: RunState
    reason: str
    hint: str
    catalogue_version: int
    stop_asked: bool
    submitted_at: datetime
    ended_at: datetime | None

    @property
    def run(self) -> str:
        """The run's id."""
        return self.plan.run


def add_run(
    connection: Connection, settings: RunSettings, *, version: int, digest: str, now: datetime
) -> str:
    """Add a submitted run; return its id, which is its name in plain letters and a number."""
    name = plain_name(settings.name)
    number = max(_last_number(connection), _reserved(connection)) + 1
    run = f"{name}-{number}"
    connection.execute(
        runs.insert().values(
            number=number,
            run=run,
            settings=settings.model_dump_json(),
            catalogue_version=version,
            catalogue_digest=digest,
            state=RunState.SUBMITTED,
            submitted_at=to_seconds(now),
        )
    )
    return run


def numbers_lost_at_restore(connection: Connection) -> dict[str, int]:
    """Return what the operator log says of a restore, so that runs go on behind the numbers that it names.

    Runs since the backup are not in the database, and parties know them by their ids.
    """
    return {_BEYOND: max(_last_number(connection), _reserved(connection)) + LOST_RUNS}


def find_run(connection: Connection, run: str) -> Run:
    """Return a run; InputError where there is none of that id."""
    row = connection.execute(select(runs).where(runs.c.run == run)).one_or_none()
    if row is None:
        raise InputError(f"there is no run {run!r}", hint="list them: feddmf run list")
    return _run(row)


def list_ids(connection: Connection, *states: RunState) -> tuple[str, ...]:
    """Return the ids of the runs in `states`, oldest first, also of those that cannot be read any more."""
    query = select(runs.c.run).where(runs.c.state.in_(states)).order_by(runs.c.number)
    return tuple(connection.scalars(query))


def list_kept(connection: Connection) -> tuple[str, ...]:
    """Return the ids of the runs to be gone on with of which rounds were kept, oldest first."""
    to_go_on = runs.c.state.in_((RunState.RUNNING, RunState.PUBLISHING)) & ~runs.c.stop_asked
    begun = select(rounds.c.run).where(rounds.c.run == runs.c.run).exists()
    return tuple(connection.scalars(select(runs.c.run).where(to_go_on, begun).order_by(runs.c.number)))


def count_runs(connection: Connection) -> dict[str, int]:
    """Return how many runs there are in each state that some are in."""
    query = select(runs.c.state, func.count()).group_by(runs.c.state)
    return {state: count for state, count in connection.execute(query)}  # noqa: C416  (rows are no pairs)


def list_runs(connection: Connection, *states: RunState) -> tuple[Run, ...]:
    """Return the runs in `states` (all of them without any), oldest first."""
    query = select(runs).order_by(runs.c.number)
    return tuple(
        _run(row) for row in connection.execute(query.where(runs.c.state.in_(states)) if states else query)
    )


def set_state(
    connection: Connection,
    run: str,
    state: RunState,
    *,
    now: datetime,
    reason: str = "",
    hint: str = "",
) -> None:
    """Move a run to `state`, with why where it has ended."""
    ended = to_seconds(now) if state.ended else None
    connection.execute(
        update(runs).where(runs.c.run == run).values(state=state, reason=reason, hint=hint, ended_at=ended)
    )


def ask_to_stop(connection: Connection, run: str) -> None:
    """Ask the serving process to end a run; InputError where it has ended."""
    found = find_run(connection, run)
    if found.state.ended:
        raise InputError(f"run {run} is {found.state.value} already", hint="list them: feddmf run list")
    connection.execute(update(runs).where(runs.c.run == run).values(stop_asked=True))


def is_asked_to_stop(connection: Connection, run: str) -> bool:
    """Tell whether the operator has asked for the end of a run."""
    return bool(connection.scalar(select(runs.c.stop_asked).where(runs.c.run == run)))


def answer_run(connection: Connection, run: str, party: str, *, accepted: bool, reason: str) -> None:
    """Note a party's answer to a run; a second answer replaces the first."""
    connection.execute(answers.delete().where(answers.c.run == run, answers.c.party == party))
    connection.execute(answers.insert().values(run=run, party=party, accepted=accepted, reason=reason))


def list_answers(connection: Connection, run: str) -> dict[str, tuple[bool, str]]:
    """Return by party whether it has accepted a run, and what it gave as its reason."""
    query = select(answers).where(answers.c.run == run).order_by(answers.c.party)
    return {row.party: (row.accepted, row.reason) for row in connection.execute(query)}


def add_round(connection: Connection, run: str, position: int, record: RoundRecord, seconds: float) -> None:
    """Add the figures of a finished round; who did not hear that they are there may add them again."""
    values: Mapping[str, Any] = asdict(record)
    same = (rounds.c.run == run, rounds.c.phase == record.phase, rounds.c.number == record.number)
    connection.execute(rounds.delete().where(*same))
    connection.execute(rounds.insert().values(run=run, position=position, seconds=seconds, **values))


def list_rounds(connection: Connection, run: str, *, after: int = -1) -> tuple[dict[str, Any], ...]:
    """Return the rounds of a run in order, from the position behind `after`."""
    query = select(rounds).where(rounds.c.run == run, rounds.c.position > after).order_by(rounds.c.position)
    return tuple(dict(row._mapping) for row in connection.execute(query))  # noqa: SLF001  (its public API)


def _last_number(connection: Connection) -> int:
    return connection.scalar(select(func.max(runs.c.number))) or 0


def _reserved(connection: Connection) -> int:
    return max((int(record["what"].get(_BEYOND, 0)) for record in read_log(connection)), default=0)


def _run(row: Row[Any]) -> Run:
    where = f"run {row.run} in the database"
    settings = parse_settings(json.loads(row.settings), RunSettings, where=where)
    return Run(
        plan=Plan(run=row.run, catalogue=row.catalogue_digest, settings=settings),
        state=RunState(row.state),
        reason=row.reason,
        hint=row.hint,
        catalogue_version=row.catalogue_version,
        stop_asked=row.stop_asked,
        submitted_at=from_seconds(row.submitted_at),
        ended_at=None if row.ended_at is None else from_seconds(row.ended_at),
    )
