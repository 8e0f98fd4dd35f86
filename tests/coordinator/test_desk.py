from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError, Refused
from feddmf.identity import certificate_fingerprint, key_fingerprint, make_key, make_request, party_of
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.server.desk import EnrolmentDesk
from feddmf_coordinator.store import enrolment as store
from feddmf_coordinator.store.certificates import find_certificate
from support.databases import new_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "token-of-acme"  # noqa: S105
HOLD = timedelta(hours=72)


def _request(name: str = "acme") -> bytes:
    return make_request(make_key(), name).public_bytes(Encoding.DER)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[EnrolmentDesk]:
    """A desk at NOW, with acme invited for 72 hours."""
    with new_database(tmp_path) as database:
        with database.begin() as connection:
            store.add_invite(connection, "acme", store.token_digest(TOKEN), now=NOW, until=NOW + HOLD)
        yield EnrolmentDesk(database, HOLD, lambda: NOW)


def _later(desk: EnrolmentDesk, hours: float) -> EnrolmentDesk:
    return replace(desk, clock=lambda: NOW + timedelta(hours=hours))


def _approve(desk: EnrolmentDesk, party: str = "acme") -> x509.Certificate:
    authority = Authority.make("fed", days=100, now=NOW)
    with desk.database.begin() as connection:
        request = store.pending_request(connection, party, now=NOW)
        assert request is not None
        key = x509.load_der_x509_csr(request.request_der).public_key()
        certificate = authority.issue_party(key, "fed", party, days=90, now=NOW)
        store.issue(connection, request, certificate)
    return certificate


def _enrolling(desk: EnrolmentDesk) -> bool:
    with desk.database.read() as connection:
        return store.is_enrolling(connection, now=desk.clock())


def test_a_request_waits_and_is_answered_with_its_certificate(desk: EnrolmentDesk) -> None:
    """Pending as often as it asks, then the certificate as often as it asks."""
    request = _request()
    assert [desk.answer(TOKEN, request) for _ in range(3)] == [None] * 3
    certificate = _approve(desk)
    answers = {desk.answer(TOKEN, request) for _ in range(3)}
    assert answers == {certificate.public_bytes(Encoding.DER)}


def test_the_token_says_who_asks_and_the_request_does_not(desk: EnrolmentDesk) -> None:
    """A request that claims to be another party gets the name of the token's party."""
    desk.answer(TOKEN, _request("bolt"))
    assert party_of(_approve(desk), "fed") == "acme"


def test_a_token_is_good_for_one_request(desk: EnrolmentDesk) -> None:
    """Another request with the same token is refused, and the first still stands."""
    first = _request()
    desk.answer(TOKEN, first)
    with pytest.raises(Refused, match="acme came with another request"):
        desk.answer(TOKEN, _request())
    assert desk.answer(TOKEN, first) is None


@pytest.mark.parametrize("token", ["", "token-of-acmf", "x" * 128, "x" * 1_000_000, "\x00"])
def test_an_unknown_token_is_refused(desk: EnrolmentDesk, token: str) -> None:
    """Whatever it looks like."""
    with pytest.raises(Refused, match="token"):
        desk.answer(token, _request())


def test_a_stranger_takes_no_writers_place(desk: EnrolmentDesk) -> None:
    """Whoever has no token is answered while somebody else writes, and keeps nobody from writing."""
    with desk.database.begin(), pytest.raises(Refused, match="no invitation"):
        desk.answer("nobody's", _request())


def test_an_invitation_ends(desk: EnrolmentDesk) -> None:
    """At its hour, not after it."""
    with pytest.raises(Refused, match="ended on 2026-01-04 00:00"):
        _later(desk, 72).answer(TOKEN, _request())
    assert _later(desk, 71.9).answer(TOKEN, _request()) is None


def test_a_request_in_time_may_be_approved_after_the_invitation_ended(desk: EnrolmentDesk) -> None:
    """It waits as long again, and no longer."""
    request = _request()
    _later(desk, 71).answer(TOKEN, request)
    assert _later(desk, 142).answer(TOKEN, request) is None
    with pytest.raises(Refused, match="request of acme ended"):
        _later(desk, 143).answer(TOKEN, request)


@pytest.mark.parametrize("request_der", [b"", b"nonsense", _request()[:-1]])
def test_a_request_that_is_none_is_refused_and_uses_nothing_up(
    desk: EnrolmentDesk, request_der: bytes
) -> None:
    """The invitation is still good for a right one."""
    with pytest.raises(Refused, match="acme: the certificate request"):
        desk.answer(TOKEN, request_der)
    assert desk.answer(TOKEN, _request()) is None


def test_a_later_invitation_replaces_an_earlier_one(desk: EnrolmentDesk) -> None:
    """The earlier token is unknown from then on, with the request that it brought."""
    request = _request()
    desk.answer(TOKEN, request)
    with desk.database.begin() as connection:
        store.add_invite(connection, "acme", store.token_digest("second"), now=NOW, until=NOW + HOLD)
        assert store.pending_request(connection, "acme", now=NOW) is None
    with pytest.raises(Refused, match="withdrawn"):
        desk.answer(TOKEN, request)
    assert desk.answer("second", request) is None


def test_the_port_has_business_until_the_certificate_is_collected(desk: EnrolmentDesk) -> None:
    """Invited, waiting, issued: open. Collected: closed."""
    request = _request()
    assert _enrolling(desk)
    desk.answer(TOKEN, request)
    assert _enrolling(desk)
    _approve(desk)
    desk.answer(TOKEN, request)
    assert _enrolling(desk)
    desk.answer(TOKEN, request, collected=True)
    assert not _enrolling(desk)


def test_collecting_before_the_approval_changes_nothing(desk: EnrolmentDesk) -> None:
    """A caller cannot close the port by claiming to have what was not issued."""
    assert desk.answer(TOKEN, _request(), collected=True) is None
    assert _enrolling(desk)


def test_the_port_has_no_business_once_everything_has_ended(desk: EnrolmentDesk) -> None:
    """An invitation that nobody used closes the port by its end."""
    assert _enrolling(_later(desk, 71.9))
    assert not _enrolling(_later(desk, 72))


def test_a_revoked_certificate_is_not_handed_out(desk: EnrolmentDesk) -> None:
    """Revocation withdraws what is under way, and what was issued does not count."""
    request = _request()
    desk.answer(TOKEN, request)
    certificate = _approve(desk)
    with desk.database.begin() as connection:
        assert store.revoke(connection, "acme", now=NOW) == 1
        record = find_certificate(connection, certificate_fingerprint(certificate))
    assert record is not None
    assert not record.active
    with pytest.raises(Refused):
        desk.answer(TOKEN, request)
    assert not _enrolling(desk)


def test_a_request_is_answered_once(desk: EnrolmentDesk) -> None:
    """Two operators who approve at the same time issue one certificate."""
    desk.answer(TOKEN, _request())
    with desk.database.read() as connection:
        request = store.pending_request(connection, "acme", now=NOW)
    assert request is not None
    _approve(desk)
    other = Authority.make("fed", days=9, now=NOW).issue_party(
        make_key().public_key(), "fed", "acme", days=9, now=NOW
    )
    with pytest.raises(InputError, match="meanwhile"), desk.database.begin() as connection:
        store.issue(connection, request, other)
    with desk.database.read() as connection:
        assert find_certificate(connection, certificate_fingerprint(other)) is None


def test_the_operator_sees_where_each_party_stands(desk: EnrolmentDesk) -> None:
    """Invited, waiting with its key, enrolled until."""

    def record() -> store.PartyRecord:
        with desk.database.read() as connection:
            return store.list_parties(connection, now=NOW)[0]

    assert record() == store.PartyRecord("acme", None, None, NOW + HOLD)
    key = make_key()
    desk.answer(TOKEN, make_request(key, "acme").public_bytes(Encoding.DER))
    assert record() == store.PartyRecord("acme", None, key_fingerprint(key.public_key()), None)
    _approve(desk)
    assert record() == store.PartyRecord("acme", NOW + timedelta(days=90), None, None)


def test_the_token_is_kept_nowhere(
    desk: EnrolmentDesk, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Neither the log nor the database holds it."""
    caplog.set_level(logging.DEBUG)
    desk.answer(TOKEN, _request())
    assert "asks for a certificate" in caplog.text
    assert TOKEN not in caplog.text
    assert all(TOKEN.encode() not in path.read_bytes() for path in tmp_path.iterdir())
