"""Federations of enrolled parties, made in milliseconds without a network; certificates that do not fit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.files import write_bytes, write_text
from feddmf.identity import encode_certificate, encode_key, key_fingerprint, make_key, make_request
from feddmf.invitation import Invitation
from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import Authority, read_passphrase
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings, render_toml
from feddmf_coordinator.store import enrolment as store
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.rows import put_rows, write_rows
from feddmf_party.identity import Federation, IdentityFiles, PartyIdentity, load_identity
from support.databases import new_url
from support.ports import free_ports

__all__ = ["EnrolledFederation", "copied", "enrol", "made_certificate", "make_federation", "open_authority"]

NAME = "testfed"


@dataclass(frozen=True)
class EnrolledFederation:
    """A coordinator's folder and the folders of its enrolled parties."""

    folder: CoordinatorFolder
    settings: CoordinatorSettings
    root_fingerprint: str
    parties: Mapping[str, Path]

    @property
    def address(self) -> str:
        """host:port of the federation port, which nothing listens on until a test does."""
        return f"localhost:{self.settings.port}"

    def identity(self, party: str) -> PartyIdentity:
        """Return the identity of `party`, ready for TLS."""
        return load_identity(self.parties[party])

    def open_database(self) -> Database:
        """Open the coordinator's database; the caller closes it."""
        return Database.open(self.folder.database_url(self.settings))


def make_federation(
    path: Path, parties: Sequence[str] = ("acme", "bolt"), *, now: datetime | None = None
) -> EnrolledFederation:
    """Make a coordinator's folder in `path`/coordinator and an enrolled folder a party beside it."""
    port, enrolment_port = free_ports(2)
    settings = CoordinatorSettings(
        federation=NAME,
        port=port,
        enrolment_port=enrolment_port,
        enrolment_poll_s=0.02,
        database=new_url(),
    )
    folder = CoordinatorFolder(path / "coordinator")
    founding = enrolling.init(folder, settings, now=now)
    made = {party: path / party for party in parties}
    for party, party_folder in made.items():
        enrol(folder, party, party_folder, now=now)
    return EnrolledFederation(folder, settings, founding.root_fingerprint, made)


def copied(made: EnrolledFederation, path: Path) -> EnrolledFederation:
    """Return a federation of one's own in `path`, with folders and database as those of `made` are."""
    shutil.copytree(made.folder.path.parent, path, dirs_exist_ok=True)
    folder = CoordinatorFolder(path / made.folder.path.name)
    settings = made.settings
    if settings.database is not None:
        with made.open_database() as database, database.read() as connection:
            rows = write_rows(connection, path / "rows.jsonl")
        settings = settings.model_copy(update={"database": new_url()})
        Database.create(folder.database_url(settings), lambda new: put_rows(new, rows)).close()
        write_text(folder.settings_file, render_toml(settings), mode=0o600)
    parties = {party: path / home.name for party, home in made.parties.items()}
    return EnrolledFederation(folder, settings, made.root_fingerprint, parties)


def enrol(folder: CoordinatorFolder, party: str, party_folder: Path, *, now: datetime | None = None) -> None:
    """Enrol `party` into `party_folder`, with the steps of both sides but without the wire."""
    now = now or datetime.now(UTC)
    settings = folder.load()
    invitation = enrolling.invite(folder, party, now=now).invitation
    key = make_key()
    with Database.open(folder.database_url(settings)) as database:
        with database.begin() as connection:
            invite = store.find_invite(connection, invitation.token)
            assert invite is not None
            request = store.add_request(
                connection,
                invite,
                request_der=make_request(key, party).public_bytes(Encoding.DER),
                key_fingerprint=key_fingerprint(key.public_key()),
                now=now,
                until=invitation.expires,
            )
        enrolling.approve(folder, party, now=now)
        with database.begin() as connection:
            der = store.issued_certificate(connection, request)
            store.collect(connection, request)
    assert der is not None
    write_identity(party_folder, invitation, key, x509.load_der_x509_certificate(der))


def write_identity(
    party_folder: Path, invitation: Invitation, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> None:
    """Write a party's identity as an enrolment leaves it."""
    files = IdentityFiles(party_folder)
    write_bytes(files.root, invitation.root_certificate.encode())
    write_bytes(files.key, encode_key(key), mode=0o600)
    write_bytes(files.certificate, encode_certificate(certificate))
    files.write_federation(
        Federation(
            federation=invitation.federation,
            party=invitation.party,
            enrolment_address=invitation.enrolment_address,
            federation_address=invitation.federation_address,
        )
    )


def open_authority(folder: CoordinatorFolder) -> Authority:
    """Open the authority of a federation that was made here."""
    return Authority.load(folder, read_passphrase(folder, None))


def made_certificate(
    authority: Authority, party: str = "acme", *, start: datetime | None = None, days: int = 1
) -> tuple[bytes, bytes]:
    """Return (key, certificate) as PEM: signed by `authority`, but in no database."""
    key = make_key()
    start = start or datetime.now(UTC) - timedelta(minutes=1)
    certificate = authority.issue_party(key.public_key(), NAME, party, days=days, now=start)
    return encode_key(key), encode_certificate(certificate)
