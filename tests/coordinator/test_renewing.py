from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.errors import Refused
from feddmf.identity import decode_certificate, make_key, party_of
from feddmf.succession import make_succession
from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.renewing import BY, Renewed, renew_all
from feddmf_coordinator.server.credentials import certificate_warning, federation_credentials
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.server_certificate import look_at_server_certificate
from feddmf_coordinator.store.certificates import add_certificate, certificates
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import read_log, verify_log
from feddmf_coordinator.store.renewals import add_renewal, find_renewal, last_renewals
from feddmf_party.identity import IdentityFiles
from support.authority import EnrolledFederation, enrol, make_federation, open_authority

# Certificates are for ninety days; these have twenty left.
NOW = datetime.now(UTC)
ENROLLED = NOW - timedelta(days=70)


@dataclass(frozen=True)
class _Desk:
    """A federation whose certificates near their end, and the desk of its server."""

    federation: EnrolledFederation
    database: Database
    authority: Authority
    desk: RenewalDesk

    def ask(self, party: str = "acme", key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        """Ask as `party` for the next certificate; return the request."""
        old_key, old = IdentityFiles(self.federation.parties[party]).load_pair()
        der = make_succession(key or make_key(), old_key, old, party)
        assert self.answer(der, party) is None
        return der

    def answer(self, der: bytes, party: str = "acme") -> bytes | None:
        """Return what the desk answers `party`."""
        return self.desk.answer(self.federation.identity(party).certificate_pem, der)

    def sign(self, now: datetime = NOW) -> tuple[Renewed, ...]:
        """Do what the signing process does."""
        return renew_all(self.federation.folder, self.authority, now=now)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[_Desk]:
    """Two parties whose certificates are seventy days old."""
    federation = make_federation(tmp_path, ("acme", "bolt"), now=ENROLLED)
    with federation.open_database() as database:
        doorkeeper = Doorkeeper("testfed", database)
        yield _Desk(
            federation, database, open_authority(federation.folder), RenewalDesk(doorkeeper, database)
        )


def test_a_request_is_signed_without_a_person(desk: _Desk) -> None:
    """Same name, new key, new dates; the same request gets the same answer; the log has it."""
    key = make_key()
    der = desk.ask(key=key)
    (made,) = desk.sign()
    assert (made.party, made.until, made.refused) == (
        "acme",
        NOW.replace(microsecond=0) + timedelta(days=90),
        "",
    )
    certificate = desk.answer(der)
    assert certificate is not None
    renewed = decode_certificate(certificate, what="the answer")
    assert (party_of(renewed, "testfed"), renewed.public_key()) == ("acme", key.public_key())
    assert desk.answer(der) == certificate
    assert desk.sign() == ()
    with desk.database.read() as connection:
        verify_log(connection)
        record = read_log(connection)[-1]
        assert last_renewals(connection)["acme"].status == "signed"
    assert (record["operator"], record["action"], record["what"]["serial"]) == (BY, "renew", made.serial)


def test_both_certificates_admit_until_the_old_one_ends(desk: _Desk) -> None:
    """The old one is not revoked: a renewal interrupts nothing. It can ask for no other, and then it ends."""
    der = desk.ask()
    desk.sign()
    new = desk.answer(der)
    assert new is not None
    old = desk.federation.identity("acme").certificate_pem
    later = replace(desk.desk.doorkeeper, clock=lambda: NOW + timedelta(days=21))
    assert {desk.desk.doorkeeper.check(each).party for each in (old, new)} == {"acme"}
    assert later.check(new).party == "acme"
    with pytest.raises(Refused, match="ended on"):
        later.check(old)


def test_a_certificate_has_one_successor(desk: _Desk) -> None:
    """Whoever copied a key and renews, or comes after who did, is refused; the operator reads it."""
    first = desk.ask()
    old_key, old = IdentityFiles(desk.federation.parties["acme"]).load_pair()
    second = make_succession(make_key(), old_key, old, "acme")
    for _ in range(2):
        with pytest.raises(Refused, match="asks for a second certificate"):
            desk.answer(second)
        desk.sign()
    assert desk.answer(first) is not None


def test_a_revoked_party_gets_nothing(desk: _Desk) -> None:
    """Revoked while it waits, or after it was signed: neither certificate admits."""
    waiting, signed = desk.ask(), desk.ask("bolt")
    enrolling.revoke(desk.federation.folder, "acme")
    made = {each.party: each.refused for each in desk.sign()}
    assert made == {"acme": "its certificate was revoked", "bolt": ""}
    new = desk.answer(signed, "bolt")
    assert new is not None
    assert enrolling.revoke(desk.federation.folder, "bolt") == 2
    for der, party in ((waiting, "acme"), (signed, "bolt")):
        with pytest.raises(Refused, match="is revoked"):
            desk.answer(der, party)
    with pytest.raises(Refused, match="is revoked"):
        desk.desk.doorkeeper.check(new)


def test_a_request_that_is_not_the_holders_is_not_taken(desk: _Desk) -> None:
    """Made with another key, for the certificate of another, nonsense, or too long."""
    bolt_key, bolt = IdentityFiles(desk.federation.parties["bolt"]).load_pair()
    for der, words in (
        (make_succession(make_key(), bolt_key, bolt, "acme"), "not signed by the certificate"),
        (b"nonsense", "cannot be read"),
        (b"\0" * 5_000, "too long"),
    ):
        with pytest.raises(Refused, match=words):
            desk.answer(der)
    with desk.database.read() as connection:
        assert last_renewals(connection) == {}


def test_nobody_renews_before_half_the_life_is_over(tmp_path: Path) -> None:
    """Otherwise one certificate would be a source of any number."""
    federation = make_federation(tmp_path, ("acme",))
    old_key, old = IdentityFiles(federation.parties["acme"]).load_pair()
    with federation.open_database() as database:
        desk = RenewalDesk(Doorkeeper("testfed", database), database)
        with pytest.raises(Refused, match="before half the life"):
            desk.answer(
                federation.identity("acme").certificate_pem, make_succession(make_key(), old_key, old, "acme")
            )


def _plant(desk: _Desk, authority: Authority, *, named: str, party: str) -> str:
    """Write what a server that was broken into could: a certificate, and a request over it."""
    key = make_key()
    certificate = authority.issue_party(key.public_key(), "testfed", named, days=1, now=NOW)
    der = make_succession(make_key(), key, certificate, party)
    with desk.database.begin() as connection:
        serial = add_certificate(connection, party, certificate)
        add_renewal(connection, follows=serial, party=party, request_der=der, now=NOW)
    return serial


def test_a_server_that_was_broken_into_gets_no_certificate(desk: _Desk) -> None:
    """It owns the database, and the signing process believes no row of it that the root has not signed."""
    made_up = _plant(desk, Authority.make("testfed", days=10, now=NOW), named="acme", party="acme")
    stolen_name = _plant(desk, desk.authority, named="bolt", party="acme")
    made = {each.serial: each.refused for each in desk.sign()}
    assert made == {
        made_up: "the database holds a certificate that the root has not signed",
        stolen_name: "its certificate names bolt",
    }
    # A request of its own over the party's real certificate, whose key it does not have.
    with desk.database.begin() as connection:
        row = connection.execute(
            certificates.select()
            .where(certificates.c.party == "acme")
            .order_by(certificates.c.not_after.desc())
        ).first()
        assert row is not None
        old = decode_certificate(row.certificate_der, what="acme's")
        forged = make_succession(make_key(), make_key(), old, "acme")
        add_renewal(connection, follows=row.serial, party="acme", request_der=forged, now=NOW)
    (refused,) = desk.sign()
    assert "not signed by the certificate that it follows" in refused.refused


def test_a_renewal_that_comes_too_late_is_not_signed(desk: _Desk) -> None:
    """The certificate has ended: its holder is invited again, by a person."""
    desk.ask()
    made = {each.party: each.refused for each in desk.sign(NOW + timedelta(days=21))}
    assert made == {"acme": "its certificate ended before the renewal was signed"}


def test_the_servers_own_certificate_is_renewed_too(desk: _Desk) -> None:
    """A third before its end, or where key and certificate do not fit; and nobody before that."""
    folder = desk.federation.folder
    first = folder.server_certificate.read_bytes()
    assert desk.sign() == ()
    late = ENROLLED + timedelta(days=250)
    assert certificate_warning(folder, late) == ""
    made = desk.sign(late)
    assert [each.party for each in made] == [None]
    assert folder.server_certificate.read_bytes() != first
    assert desk.sign(late) == ()
    folder.server_certificate.write_bytes(first)
    assert [each.party for each in desk.sign()] == [None]
    federation_credentials(folder)


def test_a_server_certificate_that_nobody_renews_is_warned_of(desk: _Desk) -> None:
    """In the log, with what to run; and so is one that cannot be used."""
    folder = desk.federation.folder
    assert certificate_warning(folder, NOW) == look_at_server_certificate(folder, NOW).text == ""
    assert "ends on" in certificate_warning(folder, ENROLLED + timedelta(days=300))
    assert "coordinator renewals" in certificate_warning(folder, ENROLLED + timedelta(days=300))
    found = look_at_server_certificate(folder, ENROLLED + timedelta(days=300))
    assert certificate_warning(folder, ENROLLED + timedelta(days=300)) == f"{found.text}; {found.hint}"
    assert "ended on" in certificate_warning(folder, ENROLLED + timedelta(days=366))
    folder.server_key.unlink()
    assert "cannot read the server's key" in certificate_warning(folder, NOW)


def test_a_party_that_was_invited_again_meanwhile_renews_its_latest(desk: _Desk) -> None:
    """Invitations still replace a certificate by hand; each certificate has a line of its own."""
    desk.ask()
    home = desk.federation.parties["acme"]
    enrol(desk.federation.folder, "acme", home, now=ENROLLED + timedelta(days=1))
    desk.ask()
    assert [each.refused for each in desk.sign()] == ["", ""]
    with desk.database.begin() as connection:
        assert find_renewal(connection, "nothing") is None
