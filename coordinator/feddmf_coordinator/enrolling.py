"""What the operator does in a shell: found a federation, invite, approve, revoke, renew.

The authority's key is opened here and where renewals are signed. The server, another process, sees what was
done here in the database that both share.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from sqlalchemy import Connection

from feddmf.errors import InputError
from feddmf.files import all_or_nothing, explain_os_error, read_bytes, write_bytes, write_text
from feddmf.identity import (
    certificate_fingerprint,
    check_party,
    decode_certificate,
    encode_certificate,
    encode_key,
    make_key,
    read_request,
    same_fingerprint,
)
from feddmf.invitation import Invitation, write_invitation
from feddmf_coordinator.authority import Authority, make_passphrase, read_passphrase
from feddmf_coordinator.operating import add_first_operator, operating
from feddmf_coordinator.server.ports import endpoint
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings, render_toml
from feddmf_coordinator.store import enrolment as store
from feddmf_coordinator.store.database import Database

__all__ = ["Approval", "Founding", "Invited", "approve", "init", "invite", "renew", "renew_server", "revoke"]


@dataclass(frozen=True)
class Founding:
    """A new federation; `passphrase_file` is where a passphrase was generated, None where it was given.

    token_file: the first operator's token.
    """

    root_fingerprint: str
    passphrase_file: Path | None
    token_file: Path


@dataclass(frozen=True)
class Invited:
    """An invitation and the file that holds it."""

    invitation: Invitation
    file: Path
    root_fingerprint: str


@dataclass(frozen=True)
class Approval:
    """A certificate that was issued to `party`."""

    party: str
    key_fingerprint: str
    certificate_fingerprint: str
    serial: str
    until: datetime


def init(
    folder: CoordinatorFolder,
    settings: CoordinatorSettings,
    *,
    passphrase_file: Path | None = None,
    now: datetime | None = None,
) -> Founding:
    """Make the coordinator's folder: root, server certificate, database, and last coordinator.toml.

    Raises InputError where the folder holds any of them already: nothing is ever overwritten.
    """
    now = now or datetime.now(UTC)
    _refuse_to_overwrite(folder)
    with all_or_nothing(*_made_by_init(folder)):
        for private in (folder.authority_key.parent, folder.server_key.parent, folder.operator_token.parent):
            with explain_os_error(private):
                private.mkdir(mode=0o700, parents=True)
        passphrase, generated = make_passphrase(folder, passphrase_file)
        authority = Authority.make(settings.federation, days=settings.authority_days, now=now)
        authority.save(folder, passphrase)
        renew_server(folder, settings, authority, now)

        def found(connection: Connection) -> None:
            add_first_operator(folder, connection, settings.federation, now=now)
            # Within the transaction: a database that is nobody's could not be used again.
            write_text(folder.settings_file, render_toml(settings), mode=0o600)

        Database.create(folder.database_url(settings), found).close()
    return Founding(
        certificate_fingerprint(authority.certificate),
        folder.passphrase_file if generated else None,
        folder.operator_token,
    )


def invite(
    folder: CoordinatorFolder, party: str, *, file: Path | None = None, now: datetime | None = None
) -> Invited:
    """Invite `party` by a file with a one-time token; an earlier, unfinished invitation is withdrawn.

    A party that is enrolled may be invited again, to renew; its certificate stays valid meanwhile.
    """
    now = now or datetime.now(UTC)
    check_party(party)
    settings = folder.load()
    root = _root(folder)
    invitation = Invitation(
        federation=settings.federation,
        party=party,
        enrolment_address=endpoint(settings.hosts[0], settings.enrolment_port),
        federation_address=endpoint(settings.hosts[0], settings.port),
        expires=now + timedelta(hours=settings.invite_hours),
        token=secrets.token_urlsafe(32),
        root_certificate=encode_certificate(root).decode(),
    )
    file = file or folder.invitations / f"{party}.invite.toml"
    with operating(folder, "invite", now=now, party=party) as act:
        digest = store.token_digest(invitation.token)
        store.add_invite(act.connection, party, digest, now=now, until=invitation.expires)
        # Within the transaction: without its file an invitation could only keep the port open.
        write_invitation(file, invitation)
    return Invited(invitation, file, certificate_fingerprint(root))


def approve(
    folder: CoordinatorFolder,
    party: str,
    *,
    fingerprint: str | None = None,
    passphrase_file: Path | None = None,
    now: datetime | None = None,
) -> Approval:
    """Sign the request of `party` that is waiting; the server hands the certificate out.

    `fingerprint` is that of the party's key, as the party read it out. Raises InputError where nothing
    is waiting, the fingerprint is another, or the passphrase is wrong.
    """
    now = now or datetime.now(UTC)
    check_party(party)
    settings = folder.load()
    with operating(folder, "approve", now=now, party=party) as act:
        request = store.pending_request(act.connection, party, now=now)
        if request is None:
            raise InputError(
                f"no request of {party} is waiting for approval",
                hint=f"have {party} run `feddmf party enroll` while the coordinator runs",
            )
        if fingerprint is not None and not same_fingerprint(fingerprint, request.key_fingerprint):
            raise InputError(
                f"the key that is waiting as {party} is {request.key_fingerprint}, not the one read out",
                hint=f"somebody else may hold the invitation: invite {party} again, by a safer way",
            )
        _, key = read_request(request.request_der)
        authority = Authority.load(folder, read_passphrase(folder, passphrase_file))
        certificate = authority.issue_party(
            key, settings.federation, party, days=settings.party_certificate_days, now=now
        )
        store.issue(act.connection, request, certificate)
        act.what.update(serial=f"{certificate.serial_number:x}", key=request.key_fingerprint)
    return Approval(
        party=party,
        key_fingerprint=request.key_fingerprint,
        certificate_fingerprint=certificate_fingerprint(certificate),
        serial=f"{certificate.serial_number:x}",
        until=certificate.not_valid_after_utc,
    )


def revoke(folder: CoordinatorFolder, party: str, *, now: datetime | None = None) -> int:
    """Revoke every certificate of `party`; return how many there were.

    Its next call is refused, and what it has under way ends within seconds. Raises InputError
    where there were none.
    """
    now = now or datetime.now(UTC)
    with operating(folder, "revoke", now=now, party=check_party(party)) as act:
        revoked = act.what["certificates"] = store.revoke(act.connection, party, now=now)
    if not revoked:
        raise InputError(
            f"{party} has no certificate to revoke; its invitations, if any, are withdrawn",
            hint="see `feddmf coordinator status` for who is enrolled",
        )
    return revoked


def renew(
    folder: CoordinatorFolder, *, passphrase_file: Path | None = None, now: datetime | None = None
) -> datetime:
    """Give the server a new key and certificate, for the hosts of coordinator.toml; return its end.

    A running server takes them up in the next handshake.
    """
    now = now or datetime.now(UTC)
    with operating(folder, "renew", now=now, server=True):
        authority = Authority.load(folder, read_passphrase(folder, passphrase_file))
        return renew_server(folder, folder.load(), authority, now)


def renew_server(
    folder: CoordinatorFolder, settings: CoordinatorSettings, authority: Authority, now: datetime
) -> datetime:
    """Write a new key and certificate for the server; return the certificate's end."""
    key = make_key()
    certificate = authority.issue_server(
        key.public_key(),
        settings.federation,
        hosts=settings.hosts,
        days=settings.server_certificate_days,
        now=now,
    )
    write_bytes(folder.server_key, encode_key(key), mode=0o600)
    write_bytes(folder.server_certificate, encode_certificate(certificate))
    return certificate.not_valid_after_utc


def _root(folder: CoordinatorFolder) -> x509.Certificate:
    pem = read_bytes(
        folder.root_certificate,
        what="the root certificate",
        hint="restore the file from a backup; `feddmf coordinator init` made it",
    )
    return decode_certificate(pem, what=str(folder.root_certificate))


def _made_by_init(folder: CoordinatorFolder) -> tuple[Path, ...]:
    database = folder.database_file
    return (
        folder.settings_file,
        folder.authority_key.parent,
        folder.server_key.parent,
        folder.operator_token.parent,
        folder.root_certificate,
        database,
        *(database.with_name(database.name + suffix) for suffix in ("-wal", "-shm")),
    )


def _refuse_to_overwrite(folder: CoordinatorFolder) -> None:
    for path in _made_by_init(folder):
        if path.exists():
            raise InputError(
                f"{folder.path} holds {path.name} already; init overwrites nothing",
                hint="name another folder, or, where an earlier init was interrupted, remove what it left",
            )
