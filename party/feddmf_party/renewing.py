"""The next certificate before this one ends: asked for by itself, kept whole, taken up without a pause.

The new key is made here. The old one stays until the new certificate is safe on the disk; then both change
places at once, new calls use them, and calls under way end on the channel that they began on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.errors import ConnectError, FedDMFError, InputError, Refused, TimedOut
from feddmf.files import read_bytes, write_bytes
from feddmf.identity import (
    decode_certificate,
    decode_key,
    encode_certificate,
    encode_key,
    make_key,
    party_of,
    verify_issued_by,
)
from feddmf.succession import check_succession, make_succession
from feddmf_party.client.federation import FederationClient
from feddmf_party.identity import IdentityFiles, PartyIdentity

__all__ = ["is_due", "keep_renewed", "renew"]

log = logging.getLogger(__name__)

SHARE_LEFT = 1 / 3
# Looks within the time that is left, and the bounds in seconds of the pause between two.
_LOOKS = 1_000
_LOOK_S = (0.2, 60.0)
# A refusal needs a person; asking again at once helps nobody.
_AFTER_REFUSAL_S = 3_600.0
_HINT = "ask the operator; the certificate in use was not touched"


def is_due(identity: PartyIdentity, *, now: datetime) -> bool:
    """Tell whether a third of the certificate's life, or less, is left."""
    life = identity.valid_until - identity.valid_from
    return identity.valid_until - now <= life * SHARE_LEFT


async def keep_renewed(client: FederationClient, folder: Path) -> None:
    """Renew whenever it is due, until cancelled; what goes wrong is logged, and tried again."""
    while True:
        identity = client.identity
        pause = _pause(identity)
        if is_due(identity, now=datetime.now(UTC)):
            try:
                await renew(client, folder)
            except (Refused, InputError) as error:
                log.warning(
                    "the certificate ends on %s and is not renewed: %s; %s",
                    f"{identity.valid_until:%Y-%m-%d %H:%M} UTC",
                    error.message,
                    error.hint,
                )
                pause = max(pause, min(_AFTER_REFUSAL_S, pause * _LOOKS))
            except (ConnectError, TimedOut):
                # The node's signs of life meet the same, and decide how long to wait.
                log.info("cannot ask for the next certificate now")
            except FedDMFError as error:
                log.warning("cannot keep the next certificate: %s; %s", error.message, error.hint)
        await asyncio.sleep(pause)


async def renew(client: FederationClient, folder: Path) -> bool:
    """Ask for the next certificate once; return whether it came and was taken up.

    Raises what the client raises, InputError for an answer that does not fit, LocalResourceError where the
    disk refuses: the certificate in use stays.
    """
    files = IdentityFiles(folder)
    request = await asyncio.to_thread(_next_request, files, client.party)
    der = await client.renew(request)
    if der is None:
        return False
    await asyncio.to_thread(_switch, files, der)
    await client.adopt()
    log.info("renewed the certificate until %s", f"{client.identity.valid_until:%Y-%m-%d %H:%M} UTC")
    return True


def _next_request(files: IdentityFiles, party: str) -> bytes:
    """Return the request for the certificate that follows: the one on disk, where it fits."""
    old_key, old = files.load_pair()
    if not files.next_key.exists():
        write_bytes(files.next_key, encode_key(make_key()), mode=0o600)
    key = _next_key(files)
    with contextlib.suppress(InputError):
        der = read_bytes(files.next_request, what="the next request", hint="")
        if check_succession(der, old) == key.public_key():
            return der
    der = make_succession(key, old_key, old, party)
    write_bytes(files.next_request, der)
    return der


def _next_key(files: IdentityFiles) -> ec.EllipticCurvePrivateKey:
    pem = read_bytes(files.next_key, what="the next key", hint="remove the file; another one is made")
    return decode_key(pem, what=str(files.next_key))


def _switch(files: IdentityFiles, der: bytes) -> None:
    """Keep the certificate that has come, if it is for the next key, from the root, and of the same name."""
    certificate = _checked(files, der)
    write_bytes(files.next_certificate, encode_certificate(certificate))
    files.settle()


def _checked(files: IdentityFiles, der: bytes) -> x509.Certificate:
    federation = files.load_federation()
    root_pem = read_bytes(files.root, what="the root certificate", hint=_HINT)
    certificate = decode_certificate(der, what="the coordinator's answer")
    wrong = (
        "for another key"
        if certificate.public_key() != _next_key(files).public_key()
        else "from another root"
        if not verify_issued_by(certificate, decode_certificate(root_pem, what=str(files.root)))
        else "for another party"
        if party_of(certificate, federation.federation) != federation.party
        else "that ended already"
        if certificate.not_valid_after_utc <= datetime.now(UTC)
        else ""
    )
    if wrong:
        raise InputError(f"the coordinator sent a certificate {wrong}", hint=_HINT)
    return certificate


def _pause(identity: PartyIdentity) -> float:
    left_s = (identity.valid_until - datetime.now(UTC)).total_seconds()
    least, most = _LOOK_S
    return min(max(left_s / _LOOKS, least), most)
