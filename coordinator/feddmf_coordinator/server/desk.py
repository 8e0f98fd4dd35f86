"""What an enrolment call is answered, without a transport: the token, then the request, then the state."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from feddmf.errors import InputError, Refused
from feddmf.identity import key_fingerprint, read_request
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.enrolment import (
    Invite,
    Request,
    add_request,
    collect,
    find_invite,
    find_request,
    issued_certificate,
)

__all__ = ["LONGEST_TOKEN", "EnrolmentDesk"]

log = logging.getLogger(__name__)

LONGEST_TOKEN = 128


@dataclass(frozen=True)
class EnrolmentDesk:
    """Takes in requests and hands out certificates; `hold` is how long a request waits for approval."""

    database: Database
    hold: timedelta
    clock: Callable[[], datetime]

    def answer(self, token: str, request_der: bytes, *, collected: bool = False) -> bytes | None:
        """Return the certificate, DER, or None while the operator has not approved the request.

        Raises Refused with the reason, which is for the operator alone.
        """
        if len(token) > LONGEST_TOKEN:
            raise Refused("the token is too long")
        now = self.clock()
        # Strangers must not take the one place of those who write.
        with self.database.read() as connection:
            _invited(connection, token)
        with self.database.begin() as connection:
            invite = _invited(connection, token)
            request = find_request(connection, invite)
            if request is None:
                self._take_in(connection, invite, request_der, now)
                return None
            if request.request_der != request_der:
                raise Refused(f"the token of {request.party} came with another request than before")
            return _state(connection, request, now, collected=collected)

    def _take_in(self, connection: Connection, invite: Invite, request_der: bytes, now: datetime) -> None:
        if now >= invite.expires_at:
            raise Refused(f"the invitation of {invite.party} ended on {invite.expires_at:%Y-%m-%d %H:%M} UTC")
        try:
            _, key = read_request(request_der)
        except InputError as error:
            raise Refused(f"{invite.party}: {error.message}") from error
        request = add_request(
            connection,
            invite,
            request_der=request_der,
            key_fingerprint=key_fingerprint(key),
            now=now,
            until=now + self.hold,
        )
        log.info("%s asks for a certificate; its key is %s", request.party, request.key_fingerprint)


def _invited(connection: Connection, token: str) -> Invite:
    invite = find_invite(connection, token)
    if invite is None:
        raise Refused("no invitation has this token; it may have been withdrawn by a later one")
    return invite


def _state(connection: Connection, request: Request, now: datetime, *, collected: bool) -> bytes | None:
    if now >= request.expires_at:
        raise Refused(f"the request of {request.party} ended on {request.expires_at:%Y-%m-%d %H:%M} UTC")
    if request.status == "pending":
        return None
    certificate = issued_certificate(connection, request)
    if certificate is None:
        raise Refused(f"the certificate of {request.party} was revoked")
    if collected and request.status == "issued":
        collect(connection, request)
        log.info("%s has its certificate", request.party)
    return certificate
