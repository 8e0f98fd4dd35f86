"""What enrolment reads: requests, invitations, certificates, keys, fingerprints; and what follows them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.message import DecodeError
from sqlalchemy import Connection

from feddmf.identity import (
    PeerName,
    decode_certificate,
    decode_key,
    make_key,
    make_request,
    parse_fingerprint,
    party_of,
    read_request,
    verify_issued_by,
)
from feddmf.invitation import load_invitation, write_invitation
from feddmf.signing import signatory_of
from feddmf.succession import check_succession, make_succession
from feddmf.wire.enrolment_pb2 import EnrollRequest
from feddmf_coordinator import enrolling
from feddmf_coordinator.server.desk import EnrolmentDesk
from feddmf_coordinator.store.database import Database
from fuzz.mutate import der, protobuf, text
from fuzz.target import Target, read_by
from support.authority import make_federation

__all__ = ["certificates", "desk", "fingerprints", "invitations", "keys", "requests", "successions"]


def _request() -> bytes:
    return make_request(make_key(), "acme").public_bytes(Encoding.DER)


def requests(_path: Path) -> Target:
    """Requests for a certificate."""

    def read(raw: bytes) -> None:
        read_request(raw)

    return Target([_request(), _request()], der, read)


def successions(path: Path) -> Target:
    """Requests for a certificate that follows another."""
    federation = make_federation(path, ("acme",))
    identity = federation.identity("acme")
    old = decode_certificate(identity.certificate_pem, what="")
    old_key = decode_key(identity.key_pem, what="")

    def read(raw: bytes) -> None:
        check_succession(raw, old)

    return Target([make_succession(make_key(), old_key, old, "acme")], der, read)


def certificates(path: Path) -> Target:
    """Certificates, by whoever shows them."""
    federation = make_federation(path, ("acme",))
    root = decode_certificate(federation.folder.root_certificate.read_bytes(), what="")
    server = federation.folder.server_certificate.read_bytes()
    own = [federation.identity("acme").certificate_pem, server]
    whole = [root.public_bytes(Encoding.DER)]
    whole += [decode_certificate(pem, what="").public_bytes(Encoding.DER) for pem in own]

    readers: tuple[Callable[[bytes], object], ...] = (
        lambda raw: party_of(decode_certificate(raw, what="it"), "testfed"),
        lambda raw: signatory_of(raw, PeerName("testfed", "acme"), root, what="it"),
        lambda raw: verify_issued_by(decode_certificate(raw, what="it"), root),
    )
    return Target([*whole, *own], _der_or_text, partial(read_by, readers))


def _der_or_text(chance: random.Random, raw: bytes) -> bytes:
    return text(chance, raw) if raw.startswith(b"-----") else der(chance, raw)


def keys(path: Path) -> Target:
    """Private keys of an identity."""
    pem = make_federation(path, ("acme",)).identity("acme").key_pem

    def read(raw: bytes) -> None:
        decode_key(raw, what="it")

    return Target([pem], text, read)


def invitations(path: Path) -> Target:
    """Invitation files."""
    federation = make_federation(path, ())
    out = path / "invitation.toml"
    write_invitation(out, enrolling.invite(federation.folder, "acme").invitation)
    sample = out.read_bytes()

    def read(raw: bytes) -> None:
        out.write_bytes(raw)
        load_invitation(out).root()

    return Target([sample], text, read)


def fingerprints(_path: Path) -> Target:
    """Fingerprints as people type them."""

    def read(raw: bytes) -> None:
        parse_fingerprint(raw.decode(errors="surrogateescape"))

    return Target([b"AB:" * 31 + b"CD", b"sha256 " + b"0f" * 32], text, read)


@dataclass(frozen=True)
class _Undone(Database):
    """A database that forgets every change, so that each input meets the same state."""

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin() as changes:
            yield connection
            changes.rollback()


def desk(path: Path) -> Target:
    """Whole enrolment calls: one party is invited, one waits, one has its certificate."""
    federation = make_federation(path, ())
    database = federation.open_database()
    now = datetime.now(UTC)
    real = EnrolmentDesk(database, timedelta(hours=1), lambda: now)
    calls = []
    for party in ("acme", "bolt", "cargo"):
        token = enrolling.invite(federation.folder, party).invitation.token
        calls.append(EnrollRequest(token=token, request_der=_request(), collected=party == "cargo"))
        if party != "acme":
            real.answer(token, calls[-1].request_der)
    enrolling.approve(federation.folder, "cargo")
    undone = EnrolmentDesk(_Undone(database.engine), timedelta(hours=1), lambda: now)

    def read(raw: bytes) -> None:
        try:
            call = EnrollRequest.FromString(raw)
        except DecodeError:
            return
        undone.answer(call.token, call.request_der, collected=call.collected)

    return Target([call.SerializeToString() for call in calls], protobuf, read)
