"""Requests of enrolled parties for their next certificate: asked over the one that holds, signed elsewhere.

A certificate has one successor. The same request again gets the same answer; another one over the same
certificate is refused, since either the party or somebody with a copy of its key has renewed already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    select,
    update,
)

from feddmf.errors import InputError
from feddmf_coordinator.store.certificates import add_certificate, certificates
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Renewal",
    "add_renewal",
    "find_renewal",
    "last_renewals",
    "refuse_renewal",
    "renewed_certificate",
    "sign_renewal",
    "waiting_renewals",
]

renewals = Table(
    "renewals",
    metadata,
    # Serial of the certificate that was asked with, hexadecimal.
    Column("follows", ForeignKey(certificates.c.serial), primary_key=True),
    Column("party", String(32), nullable=False, index=True),
    Column("request_der", LargeBinary, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, index=True),  # waiting, signed, refused
    Column("reason", Text, nullable=False, default=""),
    Column("serial", ForeignKey(certificates.c.serial)),
    Column("answered_at", BigInteger),
)


@dataclass(frozen=True)
class Renewal:
    """A request for the certificate that follows the one with serial `follows`."""

    follows: str
    party: str
    request_der: bytes = field(repr=False)
    asked_at: datetime
    status: str
    reason: str
    answered_at: datetime | None


def add_renewal(
    connection: Connection, *, follows: str, party: str, request_der: bytes, now: datetime
) -> Renewal:
    """Keep a request of `party` over its certificate `follows`, which has asked for nothing yet."""
    connection.execute(
        renewals.insert().values(
            follows=follows,
            party=party,
            request_der=request_der,
            asked_at=to_seconds(now),
            status="waiting",
            reason="",
        )
    )
    return Renewal(follows, party, request_der, now, "waiting", "", None)


def find_renewal(connection: Connection, follows: str) -> Renewal | None:
    """Return what was asked over the certificate with serial `follows`, if anything was."""
    row = connection.execute(select(renewals).where(renewals.c.follows == follows)).one_or_none()
    return None if row is None else _renewal(row)


def waiting_renewals(connection: Connection) -> tuple[Renewal, ...]:
    """Return every request that waits for a signature, oldest first."""
    rows = connection.execute(
        select(renewals).where(renewals.c.status == "waiting").order_by(renewals.c.asked_at)
    )
    return tuple(_renewal(row) for row in rows)


def last_renewals(connection: Connection) -> dict[str, Renewal]:
    """Return the latest request of each party that has made one."""
    rows = connection.execute(select(renewals).order_by(renewals.c.asked_at))
    return {row.party: _renewal(row) for row in rows}


def sign_renewal(
    connection: Connection, renewal: Renewal, certificate: x509.Certificate, *, now: datetime
) -> str:
    """Record `certificate` as the answer; return its serial. InputError where `renewal` waits no more."""
    serial = add_certificate(connection, renewal.party, certificate)
    _answer(connection, renewal, now, status="signed", serial=serial)
    return serial


def refuse_renewal(connection: Connection, renewal: Renewal, reason: str, *, now: datetime) -> None:
    """Note that `renewal` is not signed, and why."""
    _answer(connection, renewal, now, status="refused", reason=reason)


def renewed_certificate(connection: Connection, follows: str) -> bytes | None:
    """Return the certificate, DER, that follows the one with serial `follows`; None where there is none."""
    return connection.scalar(
        select(certificates.c.certificate_der)
        .join(renewals, renewals.c.serial == certificates.c.serial)
        .where(renewals.c.follows == follows, certificates.c.status == "active")
    )


def _answer(connection: Connection, renewal: Renewal, now: datetime, **values: Any) -> None:
    changed = connection.execute(
        update(renewals)
        .where(renewals.c.follows == renewal.follows, renewals.c.status == "waiting")
        .values(answered_at=to_seconds(now), **values)
    ).rowcount
    if changed != 1:
        raise InputError(
            f"the renewal of {renewal.party} was answered meanwhile",
            hint="another process signs renewals too",
        )


def _renewal(row: Row[Any]) -> Renewal:
    return Renewal(
        follows=row.follows,
        party=row.party,
        request_der=bytes(row.request_der),
        asked_at=from_seconds(row.asked_at),
        status=row.status,
        reason=row.reason,
        answered_at=None if row.answered_at is None else from_seconds(row.answered_at),
    )
