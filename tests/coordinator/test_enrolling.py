from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError, LocalResourceError
from feddmf.identity import key_fingerprint, make_key, make_request
from feddmf.invitation import load_invitation
from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import ENVIRONMENT_VARIABLE
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store import enrolment as store
from feddmf_coordinator.store.database import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = CoordinatorSettings(federation="fed", hosts=("hub.example", "10.0.0.1"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoordinatorFolder:
    """A coordinator's folder as init leaves it."""
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    made = CoordinatorFolder(tmp_path / "coordinator")
    enrolling.init(made, SETTINGS, now=NOW)
    return made


def _ask(folder: CoordinatorFolder, party: str = "acme") -> str:
    """Invite `party` and bring its request; return the fingerprint of its key."""
    token = enrolling.invite(folder, party, now=NOW).invitation.token
    key = make_key()
    with Database.open(folder.database_url(SETTINGS)) as database, database.begin() as connection:
        invite = store.find_invite(connection, token)
        assert invite is not None
        store.add_request(
            connection,
            invite,
            request_der=make_request(key, party).public_bytes(Encoding.DER),
            key_fingerprint=key_fingerprint(key.public_key()),
            now=NOW,
            until=NOW + timedelta(hours=72),
        )
    return key_fingerprint(key.public_key())


def test_init_keeps_secrets_from_other_users(folder: CoordinatorFolder) -> None:
    """Only the two certificates can be read by others, and the folders of the keys not even entered."""
    modes = {
        path.relative_to(folder.path).as_posix(): path.stat().st_mode & 0o777
        for path in folder.path.rglob("*")
    }
    assert modes == {
        "ca": 0o700,
        "ca/key.pem": 0o600,
        "ca/passphrase": 0o600,
        "coordinator.db": 0o600,
        "coordinator.toml": 0o600,
        "operator": 0o700,
        "operator/token": 0o600,
        "root.pem": 0o644,
        "server": 0o700,
        "server/certificate.pem": 0o644,
        "server/key.pem": 0o600,
    }


def test_init_overwrites_nothing(folder: CoordinatorFolder) -> None:
    """A second init changes no byte, whichever file it meets first."""
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"holds coordinator\.toml already"):
        enrolling.init(folder, SETTINGS)
    folder.settings_file.unlink()
    before.pop(folder.settings_file)
    with pytest.raises(InputError, match="holds ca already"):
        enrolling.init(folder, SETTINGS)
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_init_uses_a_given_passphrase(tmp_path: Path) -> None:
    """Nothing is generated, and approvals need the same one."""
    given = tmp_path / "passphrase"
    given.write_text("a passphrase of the operator\n")
    folder = CoordinatorFolder(tmp_path / "coordinator")
    assert enrolling.init(folder, SETTINGS, passphrase_file=given, now=NOW).passphrase_file is None
    _ask(folder)
    with pytest.raises(InputError, match="cannot read the passphrase"):
        enrolling.approve(folder, "acme", now=NOW)
    enrolling.approve(folder, "acme", passphrase_file=given, now=NOW)


def test_an_invitation_says_where_to_go_and_whom_to_trust(folder: CoordinatorFolder) -> None:
    """Addresses of the first host, the root, the end, a token that the database does not hold."""
    made = enrolling.invite(folder, "acme", now=NOW)
    invitation = load_invitation(made.file)
    assert made.file == folder.path / "invites" / "acme.invite.toml"
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert invitation.enrolment_address == "hub.example:8471"
    assert invitation.federation_address == "hub.example:8470"
    assert invitation.expires == NOW + timedelta(hours=72)
    assert invitation.root_certificate.strip() == folder.root_certificate.read_text().strip()
    assert invitation.token.encode() not in folder.database_file.read_bytes()


def test_an_invitation_that_cannot_be_written_invites_nobody(folder: CoordinatorFolder) -> None:
    """The enrolment port does not stay open for a file that does not exist."""
    blocked = folder.path / "root.pem" / "acme.invite.toml"
    with pytest.raises(LocalResourceError):
        enrolling.invite(folder, "acme", file=blocked, now=NOW)
    with Database.open(folder.database_url(SETTINGS)) as database, database.read() as connection:
        assert not store.is_enrolling(connection, now=NOW)


def test_a_name_that_is_no_party_id_is_not_invited(folder: CoordinatorFolder) -> None:
    """The id goes into file names and certificates."""
    with pytest.raises(InputError, match="party's id"):
        enrolling.invite(folder, "../acme")


def test_approve_compares_the_key_that_was_read_out(folder: CoordinatorFolder) -> None:
    """Another fingerprint approves nothing; the right one, however typed, does."""
    fingerprint = _ask(folder)
    with pytest.raises(InputError, match=fingerprint):
        enrolling.approve(folder, "acme", fingerprint="00" * 32, now=NOW)
    made = enrolling.approve(folder, "acme", fingerprint=fingerprint.lower(), now=NOW)
    assert made.key_fingerprint == fingerprint
    assert made.until == NOW + timedelta(days=90)


def test_nothing_is_approved_twice(folder: CoordinatorFolder) -> None:
    """After the first approval nothing waits any more."""
    _ask(folder)
    enrolling.approve(folder, "acme", now=NOW)
    with pytest.raises(InputError, match="no request of acme is waiting"):
        enrolling.approve(folder, "acme", now=NOW)


def test_a_request_that_has_ended_is_not_approved(folder: CoordinatorFolder) -> None:
    """An operator who comes too late invites again."""
    _ask(folder)
    with pytest.raises(InputError, match="no request of acme is waiting"):
        enrolling.approve(folder, "acme", now=NOW + timedelta(hours=72))


def test_an_enrolled_party_may_be_invited_again(folder: CoordinatorFolder) -> None:
    """Both certificates count until the first ends."""
    _ask(folder)
    enrolling.approve(folder, "acme", now=NOW)
    _ask(folder)
    enrolling.approve(folder, "acme", now=NOW)
    assert enrolling.revoke(folder, "acme", now=NOW) == 2


def test_revoking_a_party_without_certificates_is_an_error(folder: CoordinatorFolder) -> None:
    """A mistyped name does not look like success."""
    with pytest.raises(InputError, match="acmee has no certificate"):
        enrolling.revoke(folder, "acmee")


def test_a_renewed_server_has_a_new_key_and_the_hosts_of_the_settings(folder: CoordinatorFolder) -> None:
    """Renewing is also how a change of hosts takes effect."""
    before = folder.server_key.read_bytes()
    assert enrolling.renew(folder, now=NOW + timedelta(days=1)) == NOW + timedelta(days=366)
    assert folder.server_key.read_bytes() != before
    assert folder.server_key.stat().st_mode & 0o777 == 0o600
