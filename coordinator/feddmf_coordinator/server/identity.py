"""Who calls: the party that the caller's certificate names, checked against the database on every call.

TLS looks at a certificate in the handshake alone. A connection may outlive the certificate, and TLS
knows nothing of revocation; so each call asks here, and an open stream asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc

from feddmf.errors import InputError, LocalResourceError, Refused
from feddmf.identity import certificate_fingerprint, decode_certificate, party_of
from feddmf_coordinator.store.certificates import find_certificate
from feddmf_coordinator.store.database import Database

__all__ = ["REFUSED", "Doorkeeper", "utc_now"]

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

    async def admit(self, context: grpc.aio.ServicerContext[Any, Any]) -> str:
        """Return the id of the calling party; any other caller's call is aborted, and the log says why.

        Call it first in every method, and again on a stream that stays open.
        """
        try:
            pem = _peer_certificate(context)
            return await asyncio.to_thread(self.check, pem)
        except Refused as error:
            log.warning("refused a call from %s: %s", context.peer(), error.message)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSED)
        except LocalResourceError as error:
            log.exception("cannot check a caller: %s", error.message)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "try again")

    def check(self, certificate_pem: bytes) -> str:
        """Return the party that a certificate admits; Refused says, for the operator alone, why not."""
        try:
            certificate = decode_certificate(certificate_pem, what="the handshake")
            party = party_of(certificate, self.federation)
        except InputError as error:
            raise Refused(error.message) from error
        with self.database.read() as connection:
            record = find_certificate(connection, certificate_fingerprint(certificate))
        if record is None or record.party != party:
            raise Refused(f"the certificate {certificate.serial_number:x} for {party} was not issued here")
        if not record.active:
            raise Refused(f"the certificate {record.serial} of {party} is revoked")
        now = self.clock()
        if now >= record.not_after:
            raise Refused(f"the certificate {record.serial} of {party} ended on {record.not_after:%Y-%m-%d}")
        if now < record.not_before:
            raise Refused(f"the certificate {record.serial} of {party} is not valid yet")
        return party


def _peer_certificate(context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    shown = tuple(context.auth_context().get("x509_pem_cert", ()))
    if len(shown) != 1:
        raise Refused("the caller showed no certificate")
    return bytes(shown[0])
