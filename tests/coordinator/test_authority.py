from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from feddmf.errors import InputError
from feddmf.identity import make_key, peer_name, verify_issued_by
from feddmf_coordinator.authority import (
    ENVIRONMENT_VARIABLE,
    Authority,
    make_passphrase,
    read_passphrase,
)
from feddmf_coordinator.settings import CoordinatorFolder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSPHRASE = b"correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoordinatorFolder:
    """An empty folder, with no passphrase in the environment."""
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return CoordinatorFolder(tmp_path)


@pytest.fixture
def authority() -> Authority:
    """A root that holds for ten days."""
    return Authority.make("fed", days=10, now=NOW)


def test_the_root_may_sign_leaves_and_nothing_below(authority: Authority) -> None:
    """A CA with path length 0, whose key signs certificates alone."""
    extensions = authority.certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)
    assert authority.certificate.not_valid_after_utc == NOW + timedelta(days=10)


def test_a_party_certificate_names_the_party_and_is_for_clients(authority: Authority) -> None:
    """One URI, clientAuth, no CA, signed by the root."""
    certificate = authority.issue_party(make_key().public_key(), "fed", "acme", days=2, now=NOW)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("feddmf://fed/party/acme")]
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc == NOW + timedelta(days=2)
    assert verify_issued_by(certificate, authority.certificate)


def test_a_server_certificate_holds_every_host(authority: Authority) -> None:
    """Names as names, addresses as addresses, and who it is."""
    certificate = authority.issue_server(
        make_key().public_key(), "fed", hosts=("hub.example", "10.0.0.1", "::1"), days=2, now=NOW
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example"]
    assert [str(host) for host in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    assert peer_name(certificate).party is None
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_no_certificate_outlives_the_root(authority: Authority) -> None:
    """A leaf ends with the root at the latest, and an ended root signs nothing."""
    key = make_key().public_key()
    leaf = authority.issue_party(key, "fed", "acme", days=90, now=NOW)
    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc
    with pytest.raises(InputError, match="ended on 2026-01-11"):
        authority.issue_party(key, "fed", "acme", days=90, now=NOW + timedelta(days=10))


def test_the_key_on_disk_needs_the_passphrase(folder: CoordinatorFolder, authority: Authority) -> None:
    """The file is encrypted, its owner's alone, and opens with the right passphrase."""
    authority.save(folder, PASSPHRASE)
    pem = folder.authority_key.read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert folder.authority_key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        serialization.load_pem_private_key(pem, password=None)
    assert Authority.load(folder, PASSPHRASE).certificate == authority.certificate


def test_a_wrong_passphrase_is_a_clear_error(folder: CoordinatorFolder, authority: Authority) -> None:
    """It names the file, not the passphrase."""
    authority.save(folder, PASSPHRASE)
    with pytest.raises(InputError, match="does not open the root's key") as caught:
        Authority.load(folder, b"wrong horse battery staple")
    assert "--passphrase-file" in caught.value.hint
    assert "horse" not in str(caught.value)


def test_a_key_of_another_root_is_an_error(folder: CoordinatorFolder, authority: Authority) -> None:
    """Files from two backups do not sign anything together."""
    authority.save(folder, PASSPHRASE)
    root = folder.root_certificate.read_bytes()
    Authority.make("fed", days=10, now=NOW).save(folder, PASSPHRASE)
    folder.root_certificate.write_bytes(root)
    with pytest.raises(InputError, match="is not the key of"):
        Authority.load(folder, PASSPHRASE)


def test_a_key_that_was_moved_away_is_asked_for(folder: CoordinatorFolder) -> None:
    """An operator who keeps the key elsewhere is told to bring it."""
    with pytest.raises(InputError, match="the root's key") as caught:
        Authority.load(folder, PASSPHRASE)
    assert "bring the root's key back" in caught.value.hint


def test_the_secret_is_not_shown(authority: Authority) -> None:
    """Printing an authority prints no key."""
    assert "key=" not in repr(authority)


def test_a_passphrase_is_generated_where_none_is_given(folder: CoordinatorFolder) -> None:
    """It is long, in a file of its owner's alone, and found again."""
    made, generated = make_passphrase(folder, None)
    assert generated
    assert len(made) >= 32
    assert folder.passphrase_file.stat().st_mode & 0o777 == 0o600
    assert read_passphrase(folder, None) == made


def test_a_given_passphrase_is_not_written(
    folder: CoordinatorFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file wins over the environment, and neither leaves a copy."""
    given = tmp_path / "given"
    given.write_bytes(PASSPHRASE + b"\n")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "another passphrase that is long")
    assert make_passphrase(folder, given) == (PASSPHRASE, False)
    assert make_passphrase(folder, None) == (b"another passphrase that is long", False)
    assert read_passphrase(folder, given) == PASSPHRASE
    assert not folder.passphrase_file.exists()


def test_a_short_passphrase_is_refused(folder: CoordinatorFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an empty one, and the error does not show it."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "hunter2")
    with pytest.raises(InputError, match="7 characters") as caught:
        make_passphrase(folder, None)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
    with pytest.raises(InputError, match="0 characters"):
        read_passphrase(folder, None)


def test_a_missing_passphrase_says_how_to_give_it(folder: CoordinatorFolder) -> None:
    """After the operator has moved the generated file away."""
    with pytest.raises(InputError, match="cannot read the passphrase") as caught:
        read_passphrase(folder, None)
    assert ENVIRONMENT_VARIABLE in caught.value.hint
