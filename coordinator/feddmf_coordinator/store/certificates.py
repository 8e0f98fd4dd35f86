"""Parties and their certificates: which serials the authority signed, and which still count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    exists,
    func,
    select,
    update,
)

from feddmf.identity import certificate_fingerprint, decode_certificate
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "CertificateRecord",
    "active_certificate",
    "add_certificate",
    "add_party",
    "certified_until",
    "find_certificate",
    "last_certificates",
    "revoke_certificates",
]

parties = Table(
    "parties",
    metadata,
    Column("party", String(32), primary_key=True),
    Column("added_at", BigInteger, nullable=False),
)
certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(40), primary_key=True),  # hexadecimal
    Column("party", ForeignKey(parties.c.party), nullable=False, index=True),
    Column("fingerprint", String(95), nullable=False, unique=True),
    Column("certificate_der", LargeBinary, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),  # active, revoked
    Column("revoked_at", BigInteger),
)
# Asked in every call, so made once.
_BY_FINGERPRINT = select(certificates).where(certificates.c.fingerprint == bindparam("shown"))


@dataclass(frozen=True)
class CertificateRecord:
    """A certificate that the authority signed; it counts while it is active and in its dates."""

    serial: str
    party: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    active: bool


def add_party(connection: Connection, party: str, *, now: datetime) -> None:
    """Make `party` known; nothing happens where it is already."""
    if not connection.scalar(select(exists().where(parties.c.party == party))):
        connection.execute(parties.insert().values(party=party, added_at=to_seconds(now)))


def add_certificate(connection: Connection, party: str, certificate: x509.Certificate) -> str:
    """Record a certificate that the authority signed for `party`; return its serial, hexadecimal."""
    serial = f"{certificate.serial_number:x}"
    connection.execute(
        certificates.insert().values(
            serial=serial,
            party=party,
            fingerprint=certificate_fingerprint(certificate),
            certificate_der=certificate.public_bytes(Encoding.DER),
            not_before=to_seconds(certificate.not_valid_before_utc),
            not_after=to_seconds(certificate.not_valid_after_utc),
            status="active",
        )
    )
    return serial


def find_certificate(connection: Connection, fingerprint: str) -> CertificateRecord | None:
    """Return the record of the certificate with `fingerprint` (`AB:CD:...`), active or not."""
    row = connection.execute(_BY_FINGERPRINT, {"shown": fingerprint}).one_or_none()
    return None if row is None else _record(row)


def active_certificate(connection: Connection, serial: str) -> x509.Certificate | None:
    """Return the certificate with `serial`, hexadecimal; None where it is revoked or unknown."""
    der = connection.scalar(
        select(certificates.c.certificate_der).where(
            certificates.c.serial == serial, certificates.c.status == "active"
        )
    )
    return None if der is None else decode_certificate(bytes(der), what=f"the certificate {serial}")


def certified_until(connection: Connection, *, now: datetime) -> dict[str, datetime]:
    """Return until when each party that holds a certificate which counts now holds one."""
    rows = connection.execute(
        select(certificates.c.party, func.max(certificates.c.not_after).label("until"))
        .where(certificates.c.status == "active", certificates.c.not_after > to_seconds(now))
        .group_by(certificates.c.party)
    )
    return {row.party: from_seconds(row.until) for row in rows}


def last_certificates(connection: Connection) -> dict[str, CertificateRecord]:
    """Return the certificate of each party that ends last, whether it counts or not."""
    rows = connection.execute(select(certificates).order_by(certificates.c.not_after))
    return {row.party: _record(row) for row in rows}


def revoke_certificates(connection: Connection, party: str, *, now: datetime) -> int:
    """Revoke every active certificate of `party`; return how many there were."""
    return connection.execute(
        update(certificates)
        .where(certificates.c.party == party, certificates.c.status == "active")
        .values(status="revoked", revoked_at=to_seconds(now))
    ).rowcount


def _record(row: Row[Any]) -> CertificateRecord:
    return CertificateRecord(
        serial=row.serial,
        party=row.party,
        fingerprint=row.fingerprint,
        not_before=from_seconds(row.not_before),
        not_after=from_seconds(row.not_after),
        active=row.status == "active",
    )
