"""Who calls: the party that the caller's certificate names, checked against the database on every call.

TLS looks at a certificate in the handshake alone. A connection may outlive the certificate, and TLS
knows nothing of revocation; so each call asks here, and of calls under way it is asked again and again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import grpc

from feddmf.errors import InputError, LocalResourceError, Refused
from feddmf.identity import certificate_fingerprint, decode_certificate, party_of
from feddmf_coordinator.observer import Observer
from feddmf_coordinator.store.certificates import CertificateRecord, find_certificate
from feddmf_coordinator.store.database import Database

__all__ = ["REFUSED", "Doorkeeper", "shown_certificate", "utc_now"]

log = logging.getLogger(__name__)

# All that the other end is ever told. It diagnoses from its own files.
REFUSED = "refused"


def utc_now() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Doorkeeper:
    """Admits the parties of one federation by their certificates."""

    federation: str
    database: Database
    clock: Callable[[], datetime] = utc_now
    observer: Observer = field(default_factory=Observer)

    async def admit(self, context: grpc.aio.ServicerContext[Any, Any]) -> str:
        """Return the id of the calling party; any other caller's call is aborted, and the log says why.

        Call it first in every method.
        """
        try:
            pem = shown_certificate(context)
            return (await asyncio.to_thread(self.check, pem)).party
        except Refused as error:
            self.observer.call_refused(type(error).__name__)
            log.warning("refused a call from %s: %s", context.peer(), error.message)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSED)
        except LocalResourceError as error:
            self.observer.call_refused(type(error).__name__)
            log.exception("cannot check a caller: %s", error.message)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "try again")

    def check(self, certificate_pem: bytes) -> CertificateRecord:
        """Return the record of a certificate that admits now; Refused says why not, to the operator alone."""
        try:
            said = _said(certificate_pem, self.federation)
        except InputError as error:
            raise Refused(error.message) from error
        party = said.party
        with self.database.read() as connection:
            record = find_certificate(connection, said.fingerprint)
        if record is None or record.party != party:
            raise Refused(f"the certificate {said.serial:x} for {party} was not issued here")
        if not record.active:
            raise Refused(f"the certificate {record.serial} of {party} is revoked")
        now = self.clock()
        if now >= record.not_after:
            raise Refused(f"the certificate {record.serial} of {party} ended on {record.not_after:%Y-%m-%d}")
        if now < record.not_before:
            raise Refused(f"the certificate {record.serial} of {party} is not valid yet")
        return record


@dataclass(frozen=True)
class _Said:
    """What a certificate says of itself, which never changes."""

    party: str
    fingerprint: str
    serial: int


@lru_cache(maxsize=256)
def _said(certificate_pem: bytes, federation: str) -> _Said:
    """Read a certificate once: each call shows it, and reading takes longer than looking it up."""
    certificate = decode_certificate(certificate_pem, what="the handshake")
    party = party_of(certificate, federation)
    return _Said(party, certificate_fingerprint(certificate), certificate.serial_number)


def shown_certificate(context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    """Return the certificate, PEM, that a caller showed in the handshake; Refused where it showed none."""
    shown = tuple(context.auth_context().get("x509_pem_cert", ()))
    if len(shown) != 1:
        raise Refused("the caller showed no certificate")
    return bytes(shown[0])
