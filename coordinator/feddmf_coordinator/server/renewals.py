"""What a party is answered that asks for its next certificate, without a transport; others sign it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from feddmf.errors import InputError, Refused
from feddmf.succession import check_succession
from feddmf_coordinator.server.identity import Doorkeeper, utc_now
from feddmf_coordinator.store.certificates import CertificateRecord, active_certificate
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.renewals import Renewal, add_renewal, find_renewal, renewed_certificate

__all__ = ["LONGEST_REQUEST", "RenewalDesk"]

log = logging.getLogger(__name__)

LONGEST_REQUEST = 4 * 1024
# A node asks when a third of the life is left; who asks before half of it is over has no reason to.
_LARGEST_SHARE_LEFT = 0.5


@dataclass(frozen=True)
class RenewalDesk:
    """Takes in requests and hands out what was signed; the key that signs is not in this process."""

    doorkeeper: Doorkeeper
    database: Database
    clock: Callable[[], datetime] = utc_now

    def answer(self, certificate_pem: bytes, request_der: bytes) -> bytes | None:
        """Return the certificate, DER, that follows the one shown; None while it is not signed.

        Raises Refused with the reason, which is for the operator alone.
        """
        shown = self.doorkeeper.check(certificate_pem)
        now = self.clock()
        with self.database.begin() as connection:
            renewal = find_renewal(connection, shown.serial)
            if renewal is None:
                _check_due(shown, now)
                old = active_certificate(connection, shown.serial)
                if old is None or len(request_der) > LONGEST_REQUEST:
                    raise Refused(f"{shown.party} asks with no certificate, or with too long a request")
                try:
                    check_succession(request_der, old)
                except InputError as error:
                    raise Refused(f"{shown.party}: {error.message}") from error
                add_renewal(
                    connection, follows=shown.serial, party=shown.party, request_der=request_der, now=now
                )
                log.info("%s asks for the certificate that follows %s", shown.party, shown.serial)
                return None
            _check_same(renewal, request_der)
            return renewed_certificate(connection, shown.serial)


def _check_due(shown: CertificateRecord, now: datetime) -> None:
    life = shown.not_after - shown.not_before
    if shown.not_after - now > life * _LARGEST_SHARE_LEFT:
        raise Refused(f"{shown.party} asks for its next certificate before half the life of {shown.serial}")


def _check_same(renewal: Renewal, request_der: bytes) -> None:
    if renewal.status == "refused":
        raise Refused(f"the renewal of {renewal.party} was not signed: {renewal.reason}")
    if renewal.request_der != request_der:
        raise Refused(
            f"{renewal.party} asks for a second certificate that follows {renewal.follows}: its folder was "
            "restored, or somebody has a copy of its key; where nobody restored it, revoke and invite again"
        )
