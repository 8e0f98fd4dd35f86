"""How a company gets its certificate: check the root, make a key, ask, wait, keep what comes.

Each step leaves its file before the next begins, so an enrolment that was interrupted goes on where it
was when the same command is run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import ConnectError, InputError, Refused, TimedOut
from feddmf.files import read_bytes, write_bytes
from feddmf.identity import (
    certificate_fingerprint,
    decode_certificate,
    decode_key,
    encode_certificate,
    encode_key,
    key_fingerprint,
    make_key,
    make_request,
    party_of,
    read_request,
    same_fingerprint,
    verify_issued_by,
)
from feddmf.invitation import Invitation, load_invitation
from feddmf_party.client.enrolment import EnrolmentClient
from feddmf_party.identity import Federation, IdentityFiles, diagnose

__all__ = ["Enrolment", "enroll"]

_REMOVE = "restore the file, or remove it and ask the operator for a new invitation"


@dataclass(frozen=True)
class Enrolment:
    """Where an enrolment stands; `valid_until` is None while the operator has not approved it."""

    federation: str
    party: str
    key_fingerprint: str
    valid_until: datetime | None


async def enroll(
    folder: Path,
    invitation_file: Path,
    fingerprint: str | None,
    *,
    wait_s: float = 0.0,
    poll_s: float = 2.0,
    announce: Callable[[str], None] = lambda _fingerprint: None,
    now: datetime | None = None,
) -> Enrolment:
    """Enrol the party in `folder` by an invitation, or renew its certificate.

    `fingerprint` is the root's, as the operator gave it by another way; None only where this folder
    has checked that root before. `announce` is told the fingerprint of the party's key, to be read out
    to the operator. Without `wait_s` one call is made; with it, calls follow every `poll_s` seconds,
    until the certificate is there or the wait is over.

    Raises InputError where fingerprint, invitation or files do not fit, ConnectError, Refused with what
    the party's own files say about it, TimedOut when the wait is over.
    """
    invitation = load_invitation(invitation_file)
    files = IdentityFiles(folder)
    federation = _settle(files, invitation, fingerprint)
    key = _own_key(files)
    shown = key_fingerprint(key.public_key())
    known = _known_certificate(files, federation, now)
    if known is not None:
        return Enrolment(invitation.federation, invitation.party, shown, known.not_valid_after_utc)
    announce(shown)
    certificate = await _obtain(files, invitation, key, wait_s=wait_s, poll_s=poll_s, now=now)
    if certificate is None:
        return Enrolment(invitation.federation, invitation.party, shown, None)
    files.write_federation(federation)
    return Enrolment(invitation.federation, invitation.party, shown, certificate.not_valid_after_utc)


async def _obtain(
    files: IdentityFiles,
    invitation: Invitation,
    key: ec.EllipticCurvePrivateKey,
    *,
    wait_s: float,
    poll_s: float,
    now: datetime | None,
) -> x509.Certificate | None:
    """Ask for the certificate, write it, say so; None while the operator has not approved the request."""
    request_der = _own_request(files, key, invitation.party)
    async with EnrolmentClient(invitation) as client:
        try:
            der = await _wait(client, request_der, wait_s=wait_s, poll_s=poll_s)
        except Refused as error:
            if error.hint:
                raise
            raise _explain(invitation, files, now or datetime.now(UTC)) from error
        if der is None:
            return None
        certificate = _checked(der, key, invitation)
        write_bytes(files.certificate, encode_certificate(certificate))
        # The certificate is safe; that the coordinator does not hear of it only keeps its port open.
        with contextlib.suppress(ConnectError, TimedOut):
            await client.collected(request_der)
    return certificate


def _settle(files: IdentityFiles, invitation: Invitation, fingerprint: str | None) -> Federation:
    """Check root and names against what was checked before; return what federation.toml will say."""
    root = invitation.root()
    trusted = certificate_fingerprint(root)
    if fingerprint is not None and not same_fingerprint(fingerprint, trusted):
        raise InputError(
            f"the invitation's root has the fingerprint {trusted}, not the one given",
            hint="do not use this invitation; ask the operator, by another way than it came",
        )
    federation = Federation(
        federation=invitation.federation,
        party=invitation.party,
        enrolment_address=invitation.enrolment_address,
        federation_address=invitation.federation_address,
        invitation_sha256=hashlib.sha256(invitation.token.encode()).hexdigest(),
    )
    known = _known_root(files)
    enrolled = files.certificate.exists() and files.federation.exists()
    if enrolled:
        _check_same(files, known, root, federation)
    if known != root:
        if fingerprint is None:
            raise InputError(
                "the root's fingerprint has not been checked",
                hint="get it from the operator, by another way than the invitation, and add --fingerprint",
            )
        write_bytes(files.root, encode_certificate(root))
    if not enrolled:
        files.write_federation(federation.model_copy(update={"invitation_sha256": ""}))
    return federation


def _known_root(files: IdentityFiles) -> x509.Certificate | None:
    """Return the root that was checked here before, if one was."""
    if not files.root.exists():
        return None
    pem = read_bytes(files.root, what="the root certificate", hint=_REMOVE)
    return decode_certificate(pem, what=str(files.root))


def _check_same(
    files: IdentityFiles, known: x509.Certificate | None, root: x509.Certificate, federation: Federation
) -> None:
    """Raise InputError where this folder has a certificate of another federation or party."""
    hint = "name another folder with --folder; a folder holds one identity"
    if known is not None and known != root:
        raise InputError(f"{files.folder} belongs to another federation: its root is another", hint=hint)
    before = files.load_federation()
    if (before.federation, before.party) != (federation.federation, federation.party):
        raise InputError(
            f"{files.folder} is {before.party} of {before.federation}, "
            f"the invitation is for {federation.party} of {federation.federation}",
            hint=hint,
        )


def _own_key(files: IdentityFiles) -> ec.EllipticCurvePrivateKey:
    if not files.key.exists():
        write_bytes(files.key, encode_key(make_key()), mode=0o600)
    return decode_key(read_bytes(files.key, what="the key", hint=_REMOVE), what=str(files.key))


def _own_request(files: IdentityFiles, key: ec.EllipticCurvePrivateKey, party: str) -> bytes:
    """Return the request for `key`: the one on disk, since another for the same key would be refused."""
    with contextlib.suppress(InputError):
        der = read_bytes(files.request, what="the request", hint="")
        if read_request(der)[1] == key.public_key():
            return der
    der = make_request(key, party).public_bytes(Encoding.DER)
    write_bytes(files.request, der)
    return der


def _known_certificate(
    files: IdentityFiles, federation: Federation, now: datetime | None
) -> x509.Certificate | None:
    """Return the certificate in the folder if it came by this same invitation and is in order."""
    if files.load_federation() != federation or diagnose(files.folder, now=now):
        return None
    pem = read_bytes(files.certificate, what="the certificate", hint=_REMOVE)
    return decode_certificate(pem, what=str(files.certificate))


async def _wait(client: EnrolmentClient, request_der: bytes, *, wait_s: float, poll_s: float) -> bytes | None:
    """Ask until there is a certificate or the wait is over; a coordinator that is away is waited for."""
    clock = asyncio.get_running_loop().time
    end = clock() + wait_s
    while True:
        away: ConnectError | TimedOut | None = None
        try:
            der = await client.ask(request_der)
        except Refused:
            raise
        except (ConnectError, TimedOut) as error:
            der, away = None, error
        if der is not None:
            return der
        if clock() + poll_s > end:
            break
        await asyncio.sleep(poll_s)
    if away is not None:
        raise away
    if wait_s > 0:
        raise TimedOut(
            f"the operator has not approved the request within {wait_s:g} s",
            hint="run the command again after the approval; it goes on where it was",
        )
    return None


def _checked(der: bytes, key: ec.EllipticCurvePrivateKey, invitation: Invitation) -> x509.Certificate:
    """Return the certificate that came, if it is for this key, from this root and of this name."""
    hint = "ask the operator; nothing was written"
    certificate = decode_certificate(der, what="the coordinator's answer")
    if certificate.public_key() != key.public_key():
        raise ConnectError("the coordinator sent a certificate for another key", hint=hint)
    if not verify_issued_by(certificate, invitation.root()):
        raise ConnectError("the coordinator sent a certificate from another root", hint=hint)
    if party_of(certificate, invitation.federation) != invitation.party:
        raise ConnectError("the coordinator sent a certificate for another party", hint=hint)
    return certificate


def _explain(invitation: Invitation, files: IdentityFiles, now: datetime) -> Refused:
    """Return what the party's own files say about a refusal, since the wire says nothing."""
    where = f"the coordinator at {invitation.enrolment_address} refused"
    if now >= invitation.expires:
        return Refused(
            f"{where}: the invitation ended on {invitation.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            hint="ask the operator for a new one; if it should still hold, mend this machine's clock",
        )
    if files.certificate.exists() and not diagnose(files.folder, now=now):
        return Refused(
            f"{where}; this folder holds a valid certificate already, so the invitation may be used up",
            hint="go on with the certificate that is there, or ask the operator for a new invitation",
        )
    return Refused(
        f"{where}: the invitation was withdrawn by a later one, or used with another key than {files.key}",
        hint="use the latest invitation; otherwise ask the operator, whose log says why",
    )
