"""Signs what enrolled parties ask for when their certificates near their end, and renews the server's own.

This is another process than the one that serves: it holds the authority's key and listens to nothing. It
believes neither the server nor the database: a request is signed where the holder of a certificate that the
root has signed made it, and the new certificate has the name of the old one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from sqlalchemy import Connection

from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate, decode_key, party_of, verify_issued_by
from feddmf.succession import check_succession
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.enrolling import renew_server
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store.certificates import active_certificate
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import note
from feddmf_coordinator.store.renewals import Renewal, refuse_renewal, sign_renewal, waiting_renewals

__all__ = ["BY", "Renewed", "renew_all", "renew_until"]

log = logging.getLogger(__name__)

# Whom the operator log names: no operator, but whoever holds the passphrase of the root's key.
BY = "renewals"
# As at the party: renewals come when a third of the life is left.
SHARE_LEFT = 1 / 3


@dataclass(frozen=True)
class Renewed:
    """What became of one request, or of the server's own certificate (`party` is None)."""

    party: str | None
    serial: str
    until: datetime | None
    refused: str = ""


def renew_all(
    folder: CoordinatorFolder, authority: Authority, *, now: datetime | None = None
) -> tuple[Renewed, ...]:
    """Answer every request that waits, and renew the server's certificate where it is due."""
    now = now or datetime.now(UTC)
    settings = folder.load()
    made = []
    with Database.open(folder.database_url(settings)) as database:
        with database.read() as connection:
            waiting = waiting_renewals(connection)
        for renewal in waiting:
            with database.begin() as connection:
                made.append(_answer(connection, renewal, settings, authority, now))
        if _server_is_due(folder, now):
            until = renew_server(folder, settings, authority, now)
            made.append(Renewed(None, "", until))
            with database.begin() as connection:
                note(connection, BY, "renew", {"server": True, "until": until.isoformat()}, now=now)
    return tuple(made)


def renew_until(
    folder: CoordinatorFolder, authority: Authority, stop: threading.Event, *, every_s: float
) -> None:
    """Renew again and again until `stop` is set, and say in the log what was done."""
    while not stop.is_set():
        for each in renew_all(folder, authority):
            who = each.party or "the server"
            if each.refused:
                log.warning("did not sign the renewal of %s: %s", who, each.refused)
            else:
                log.info("renewed the certificate of %s until %s", who, f"{each.until:%Y-%m-%d %H:%M} UTC")
        stop.wait(every_s)


def _answer(
    connection: Connection,
    renewal: Renewal,
    settings: CoordinatorSettings,
    authority: Authority,
    now: datetime,
) -> Renewed:
    try:
        certificate = _sign(connection, renewal, settings, authority, now)
    except InputError as error:
        refuse_renewal(connection, renewal, error.message, now=now)
        what = {"party": renewal.party, "follows": renewal.follows, "reason": error.message}
        note(connection, BY, "refuse renewal", what, now=now)
        return Renewed(renewal.party, renewal.follows, None, error.message)
    serial = sign_renewal(connection, renewal, certificate, now=now)
    until = certificate.not_valid_after_utc
    what = {"party": renewal.party, "follows": renewal.follows, "serial": serial, "until": until.isoformat()}
    note(connection, BY, "renew", what, now=now)
    return Renewed(renewal.party, serial, until)


def _sign(
    connection: Connection,
    renewal: Renewal,
    settings: CoordinatorSettings,
    authority: Authority,
    now: datetime,
) -> x509.Certificate:
    """Return the certificate that follows; InputError where the request is not its holder's, or late."""
    old = active_certificate(connection, renewal.follows)
    hint = "invite the party again"
    if old is None:
        raise InputError("its certificate was revoked", hint=hint)
    if not verify_issued_by(old, authority.certificate):
        raise InputError("the database holds a certificate that the root has not signed", hint=hint)
    if now >= old.not_valid_after_utc:
        raise InputError("its certificate ended before the renewal was signed", hint=hint)
    party = party_of(old, settings.federation)
    if party != renewal.party:
        raise InputError(f"its certificate names {party}", hint=hint)
    key = check_succession(renewal.request_der, old)
    days = settings.party_certificate_days
    return authority.issue_party(key, settings.federation, party, days=days, now=now)


def _server_is_due(folder: CoordinatorFolder, now: datetime) -> bool:
    """Tell whether the server's certificate nears its end, or does not fit its key."""
    try:
        pem = read_bytes(folder.server_certificate, what="the server's certificate", hint="")
        certificate = decode_certificate(pem, what=str(folder.server_certificate))
        key = decode_key(
            read_bytes(folder.server_key, what="the server's key", hint=""), what=str(folder.server_key)
        )
    except InputError:
        return True
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - now <= (end - start) * SHARE_LEFT or key.public_key() != certificate.public_key()
