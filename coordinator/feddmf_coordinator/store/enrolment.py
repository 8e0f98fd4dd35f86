"""Invitations and the certificate requests that they let in.

An invitation holds for one token; the first request that brings the token uses it up and is bound to
it. A request waits for the operator, is issued a certificate, and is collected when the party says that
it has it. Certificates themselves are in `store/certificates.py`.
"""

from __future__ import annotations

import hashlib
import hmac
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
    exists,
    or_,
    select,
    update,
)

from feddmf.errors import InputError
from feddmf_coordinator.store.certificates import (
    add_certificate,
    add_party,
    certificates,
    certified_until,
    parties,
    revoke_certificates,
)
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Invite",
    "PartyRecord",
    "Request",
    "add_invite",
    "add_request",
    "collect",
    "find_invite",
    "find_request",
    "is_enrolling",
    "issue",
    "issued_certificate",
    "list_parties",
    "pending_request",
    "revoke",
    "token_digest",
]

invites = Table(
    "invites",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("party", ForeignKey(parties.c.party), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, index=True),  # open, used, withdrawn
)
requests = Table(
    "enrolment_requests",
    metadata,
    Column("token_sha256", ForeignKey(invites.c.token_sha256), primary_key=True),
    Column("party", ForeignKey(parties.c.party), nullable=False, index=True),
    Column("request_der", LargeBinary, nullable=False),
    Column("key_fingerprint", String(95), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("status", String(16), nullable=False, index=True),  # pending, issued, collected, withdrawn
    Column("serial", ForeignKey(certificates.c.serial)),
)


@dataclass(frozen=True)
class Invite:
    """An invitation that has not been withdrawn."""

    token_sha256: str = field(repr=False)
    party: str
    expires_at: datetime


@dataclass(frozen=True)
class Request:
    """A certificate request that came with a token; `status` is pending, issued or collected."""

    token_sha256: str = field(repr=False)
    party: str
    request_der: bytes = field(repr=False)
    key_fingerprint: str
    expires_at: datetime
    status: str


@dataclass(frozen=True)
class PartyRecord:
    """Where a party stands; each field but the first is None where there is nothing."""

    party: str
    certificate_until: datetime | None
    request_fingerprint: str | None
    invited_until: datetime | None


def token_digest(token: str) -> str:
    """Return what the database keeps of `token`: its SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_invite(connection: Connection, party: str, digest: str, *, now: datetime, until: datetime) -> None:
    """Invite `party`; its earlier invitations and unfinished requests are withdrawn."""
    add_party(connection, party, now=now)
    _withdraw(connection, party)
    connection.execute(
        invites.insert().values(
            token_sha256=digest,
            party=party,
            created_at=to_seconds(now),
            expires_at=to_seconds(until),
            status="open",
        )
    )


def find_invite(connection: Connection, token: str) -> Invite | None:
    """Return the invitation of `token`, expired or not; every candidate is compared in constant time."""
    digest = token_digest(token)
    found = None
    for row in connection.execute(select(invites).where(invites.c.status != "withdrawn")):
        if hmac.compare_digest(row.token_sha256, digest):
            found = Invite(row.token_sha256, row.party, from_seconds(row.expires_at))
    return found


def find_request(connection: Connection, invite: Invite) -> Request | None:
    """Return the request that used `invite` up, if one did."""
    row = connection.execute(
        select(requests).where(
            requests.c.token_sha256 == invite.token_sha256, requests.c.status != "withdrawn"
        )
    ).one_or_none()
    return None if row is None else _request(row)


def add_request(
    connection: Connection,
    invite: Invite,
    *,
    request_der: bytes,
    key_fingerprint: str,
    now: datetime,
    until: datetime,
) -> Request:
    """Bind a request to `invite`, which is used up by it; the request waits for approval `until` then."""
    connection.execute(
        update(invites).where(invites.c.token_sha256 == invite.token_sha256).values(status="used")
    )
    connection.execute(
        requests.insert().values(
            token_sha256=invite.token_sha256,
            party=invite.party,
            request_der=request_der,
            key_fingerprint=key_fingerprint,
            received_at=to_seconds(now),
            expires_at=to_seconds(until),
            status="pending",
        )
    )
    return Request(invite.token_sha256, invite.party, request_der, key_fingerprint, until, "pending")


def pending_request(connection: Connection, party: str, *, now: datetime) -> Request | None:
    """Return the request of `party` that waits for approval, the latest if there were several."""
    waiting = (
        select(requests)
        .where(
            requests.c.party == party,
            requests.c.status == "pending",
            requests.c.expires_at > to_seconds(now),
        )
        .order_by(requests.c.received_at.desc())
    )
    row = connection.execute(waiting.limit(1)).one_or_none()
    return None if row is None else _request(row)


def issue(connection: Connection, request: Request, certificate: x509.Certificate) -> None:
    """Record `certificate` as the answer to `request`; InputError where it does not wait any more."""
    serial = add_certificate(connection, request.party, certificate)
    changed = connection.execute(
        update(requests)
        .where(requests.c.token_sha256 == request.token_sha256, requests.c.status == "pending")
        .values(status="issued", serial=serial)
    ).rowcount
    if changed != 1:
        raise InputError(
            f"the request of {request.party} was answered or withdrawn meanwhile",
            hint="run the command again to see what is waiting now",
        )


def issued_certificate(connection: Connection, request: Request) -> bytes | None:
    """Return the certificate, DER, that answered `request`; None where it was revoked since."""
    return connection.scalar(
        select(certificates.c.certificate_der)
        .join(requests, requests.c.serial == certificates.c.serial)
        .where(requests.c.token_sha256 == request.token_sha256, certificates.c.status == "active")
    )


def collect(connection: Connection, request: Request) -> None:
    """Note that the party has its certificate."""
    connection.execute(
        update(requests)
        .where(requests.c.token_sha256 == request.token_sha256, requests.c.status == "issued")
        .values(status="collected")
    )


def is_enrolling(connection: Connection, *, now: datetime) -> bool:
    """Tell whether the enrolment port has any business: an open invitation, or a request not yet done."""
    seconds = to_seconds(now)
    invited = exists().where(invites.c.status == "open", invites.c.expires_at > seconds)
    waiting = exists().where(requests.c.status.in_(("pending", "issued")), requests.c.expires_at > seconds)
    return bool(connection.scalar(select(or_(invited, waiting))))


def revoke(connection: Connection, party: str, *, now: datetime) -> int:
    """Revoke every certificate of `party` and withdraw its invitations; return how many were revoked."""
    _withdraw(connection, party)
    return revoke_certificates(connection, party, now=now)


def list_parties(connection: Connection, *, now: datetime) -> tuple[PartyRecord, ...]:
    """Return every party, in order of id, with its longest certificate, its request and its invitation."""
    seconds = to_seconds(now)
    until = certified_until(connection, now=now)
    pending = select(requests).where(requests.c.status == "pending", requests.c.expires_at > seconds)
    waiting = {row.party: row.key_fingerprint for row in connection.execute(pending)}
    still_open = select(invites).where(invites.c.status == "open", invites.c.expires_at > seconds)
    invited = {row.party: from_seconds(row.expires_at) for row in connection.execute(still_open)}
    names = connection.scalars(select(parties.c.party).order_by(parties.c.party))
    return tuple(PartyRecord(name, until.get(name), waiting.get(name), invited.get(name)) for name in names)


def _withdraw(connection: Connection, party: str) -> None:
    for table in (invites, requests):
        unfinished = table.c.status.in_(("open", "used", "pending", "issued"))
        connection.execute(update(table).where(table.c.party == party, unfinished).values(status="withdrawn"))


def _request(row: Row[Any]) -> Request:
    return Request(
        token_sha256=row.token_sha256,
        party=row.party,
        request_der=bytes(row.request_der),
        key_fingerprint=row.key_fingerprint,
        expires_at=from_seconds(row.expires_at),
        status=row.status,
    )
