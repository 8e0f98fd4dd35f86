"""A run file becomes a run: it pins the latest catalogue, which each of its parties must have accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from feddmf.errors import CatalogueError, ConfigError
from feddmf.plan import MatchedRows, Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.store.catalogues import accepted_digests, find_catalogue, published_digest
from feddmf_coordinator.store.runs import add_run

__all__ = ["Submitted", "submit_run"]


@dataclass(frozen=True, eq=False)
class Submitted:
    """A run that waits to begin, and who shares what in it."""

    run: str
    plan: Plan
    rows: MatchedRows


def submit_run(
    connection: Connection, settings: RunSettings, limits: LimitSettings, *, now: datetime
) -> Submitted:
    """Add a run; CatalogueError where a party cannot take part, ConfigError where it is over a limit."""
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
    run = add_run(connection, settings, version=catalogue.version, digest=digest, now=now)
    return Submitted(run, plan, rows)


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
