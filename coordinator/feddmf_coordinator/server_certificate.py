"""How the server's own certificate stands, which every party looks at before it says a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from feddmf.cli.tables import utc
from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["ServerCertificate", "look_at_server_certificate"]

# Renewals come when a third of the life is left: later than this, nobody renews.
_SHARE_LEFT_TO_WARN = 0.25
_RENEW = "run `feddmf coordinator renewals` as a service, or once: feddmf coordinator renew"


@dataclass(frozen=True)
class ServerCertificate:
    """until: None where it cannot be read; text, hint: what is wrong and what to do, "" while all is well."""

    until: datetime | None
    text: str = ""
    hint: str = ""
    ended: bool = False


def look_at_server_certificate(folder: CoordinatorFolder, now: datetime) -> ServerCertificate:
    """Return how the certificate of a folder's server stands."""
    try:
        pem = read_bytes(
            folder.server_certificate, what="the server's certificate", hint="restore it from a backup"
        )
        certificate = decode_certificate(pem, what=str(folder.server_certificate))
    except InputError as error:
        return ServerCertificate(None, error.message, error.hint, ended=True)
    begun, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if until <= now:
        text = f"the server's certificate ended on {utc(until)}: no party talks to it any more"
        return ServerCertificate(until, text, _RENEW, ended=True)
    if until - now < (until - begun) * _SHARE_LEFT_TO_WARN:
        return ServerCertificate(until, f"the server's certificate ends on {utc(until)}", _RENEW)
    return ServerCertificate(until)
