"""A run file becomes a run: it pins the latest catalogue, which each of its parties must have accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from feddmf.errors import CatalogueError, ConfigError
from feddmf.plan import MatchedRows, Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.store.catalogues import accepted_digests, find_catalogue, published_digest
from feddmf_coordinator.store.runs import add_run
from feddmf_coordinator.store.schedules import add_schedule, find_schedule, note_submission

__all__ = ["Fitting", "Submitted", "fit_run", "submit_and_schedule", "submit_run"]


@dataclass(frozen=True, eq=False)
class Submitted:
    """A run that waits to begin, and who shares what in it; schedule: what submits it again, if anything."""

    run: str
    plan: Plan
    rows: MatchedRows
    schedule: str = ""


@dataclass(frozen=True)
class Fitting:
    """A run as it would be submitted: its plan, who shares what, and the catalogue that it pins."""

    plan: Plan
    rows: MatchedRows
    version: int
    digest: str


def fit_run(connection: Connection, settings: RunSettings, limits: LimitSettings) -> Fitting:
    """Look whether a run could be submitted; raises as `submit_run` does."""
    if len(settings.parties) > limits.parties:
        raise ConfigError(
            f"the run has {len(settings.parties)} parties, over {limits.parties}",
            hint="name fewer, or raise [limits] parties in coordinator.toml",
        )
    catalogue = find_catalogue(connection)
    digest = published_digest(connection, catalogue.version)
    accepted = accepted_digests(connection, catalogue.version)
    _check(settings, accepted, catalogue.parties, catalogue.version, digest)
    plan = Plan(run=settings.name, catalogue=digest, settings=settings)
    rows = matched_rows(catalogue, plan)
    protocol_for(settings.protocol).init(plan, rows)
    return Fitting(plan, rows, catalogue.version, digest)


def submit_run(
    connection: Connection, settings: RunSettings, limits: LimitSettings, *, now: datetime
) -> Submitted:
    """Add a run; CatalogueError where a party cannot take part, ConfigError where it is over a limit."""
    fitting = fit_run(connection, settings, limits)
    run = add_run(connection, settings, version=fitting.version, digest=fitting.digest, now=now)
    return Submitted(run, fitting.plan, fitting.rows)


def submit_and_schedule(
    connection: Connection,
    settings: RunSettings,
    limits: LimitSettings,
    every: timedelta | None,
    *,
    by: str,
    now: datetime,
) -> Submitted:
    """Add a run, and with `every` a schedule that submits it again; raises as `submit_run` does."""
    made = submit_run(connection, settings, limits, now=now)
    if every is None:
        return made
    schedule = add_schedule(connection, settings, every, by=by, now=now)
    note_submission(connection, find_schedule(connection, schedule), made.run, now=now)
    return replace(made, schedule=schedule)


def _check(
    settings: RunSettings, accepted: Mapping[str, str], columns: tuple[str, ...], version: int, digest: str
) -> None:
    for party in settings.parties:
        if party not in columns:
            raise CatalogueError(
                f"catalogue version {version} has no column for {party}",
                hint=f"publish a version with local_id:{party}, or leave {party} out of the run file",
            )
    for party in settings.parties:
        if accepted.get(party) != digest:
            raise CatalogueError(
                f"{party} has not accepted catalogue version {version} (digest {digest})",
                hint=f"ask {party} to run: feddmf catalog accept",
            )
