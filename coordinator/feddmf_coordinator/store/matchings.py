"""Matchings of two parties' items: that a step was sent is kept for ever, its points until delivery."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    select,
    update,
)

from feddmf.errors import InputError, RunFailed
from feddmf.matching import Step
from feddmf_coordinator.store.catalogues import latest_version
from feddmf_coordinator.store.database import metadata, to_seconds

__all__ = ["KEPT", "MatchingId", "Sent", "add_step", "find_sent", "forget_points"]

KEPT = timedelta(days=7)
"""How long points wait for the peer to fetch them."""

steps = Table(
    "matching_steps",
    metadata,
    Column("low", String(32), primary_key=True),
    Column("high", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("party", String(32), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("items", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("points", LargeBinary),
    Column("received_at", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True)
class MatchingId:
    """The matching of a pair under one catalogue version, seen from `party`."""

    party: str
    peer: str
    version: int

    @property
    def pair(self) -> tuple[str, str]:
        """Both parties, sorted."""
        low, high = sorted((self.party, self.peer))
        return low, high

    @property
    def of_peer(self) -> MatchingId:
        """The same matching, seen from the peer."""
        return MatchingId(self.peer, self.party, self.version)


@dataclass(frozen=True)
class Sent:
    """What a party sent in a step: so many items, the digest of the points; None for points that are gone."""

    items: int
    sha256: str
    points: bytes | None


def add_step(
    connection: Connection, matching: MatchingId, step: int, points: bytes, *, items: int, now: datetime
) -> None:
    """Keep the points that a party sends, the same ones again too.

    A party may begin again with other items until the peer's have come; from then on both stand, so that
    nobody tests other items under the same catalogue. RunFailed for what would be a second matching,
    InputError for a catalogue version that is not the latest, or no step.
    """
    if step not in (Step.HIDE, Step.ANSWER) or matching.version > latest_version(connection):
        raise InputError("a matching that cannot be", hint="both ends must run the same version")
    digest = hashlib.sha256(points).hexdigest()
    before = find_sent(connection, matching, step)
    own, theirs = (find_sent(connection, side, Step.HIDE) for side in (matching, matching.of_peer))
    if step == Step.HIDE and theirs is None:
        _check_latest(connection, matching.version)
    elif before is not None and before.sha256 != digest:
        raise RunFailed(
            f"{matching.party} has sent other points to its matching with {matching.peer} under catalogue "
            f"version {matching.version} already",
            hint="a pair matches once a version: run it with the items of the first time, "
            "or ask the operator to publish the next version",
        )
    elif step == Step.HIDE and before is None:
        _check_latest(connection, matching.version)
    elif step == Step.ANSWER and (own is None or theirs is None or theirs.items != items):
        raise RunFailed("an answer to points that nobody sent", hint="both ends must run the same version")
    _forget_old(connection, now=now)
    connection.execute(steps.delete().where(*_address(matching, step)))
    low, high = matching.pair
    connection.execute(
        steps.insert().values(
            low=low,
            high=high,
            version=matching.version,
            party=matching.party,
            step=step,
            items=items,
            sha256=digest,
            points=points,
            received_at=to_seconds(now),
        )
    )


def find_sent(connection: Connection, matching: MatchingId, step: int) -> Sent | None:
    """Return what the party of `matching` sent in a step, None where it has not come yet."""
    row = connection.execute(select(steps).where(*_address(matching, step))).first()
    if row is None:
        return None
    return Sent(row.items, row.sha256, None if row.points is None else bytes(row.points))


def forget_points(connection: Connection, matching: MatchingId) -> None:
    """Forget the points that the party of `matching` sent; that it sent them stays."""
    connection.execute(
        update(steps).where(*_of_party(matching), steps.c.points.is_not(None)).values(points=None)
    )


def _forget_old(connection: Connection, *, now: datetime) -> None:
    old = steps.c.received_at < to_seconds(now - KEPT)
    connection.execute(update(steps).where(old, steps.c.points.is_not(None)).values(points=None))


def _check_latest(connection: Connection, version: int) -> None:
    latest = latest_version(connection)
    if version != latest:
        raise InputError(
            f"a matching for catalogue version {version}, and the latest is {latest}",
            hint="run it again, both of you: feddmf catalog match",
        )


def _of_party(matching: MatchingId) -> tuple[ColumnElement[bool], ...]:
    low, high = matching.pair
    return (
        steps.c.low == low,
        steps.c.high == high,
        steps.c.version == matching.version,
        steps.c.party == matching.party,
    )


def _address(matching: MatchingId, step: int) -> tuple[ColumnElement[bool], ...]:
    return (*_of_party(matching), steps.c.step == step)
