from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import FedDMFError, InputError, Refused
from feddmf.identity import encode_key, make_key
from feddmf_party.identity import IdentityFiles, diagnose, explain_refusal, load_identity
from support.authority import EnrolledFederation, make_federation


@pytest.fixture
def files(enrolled: EnrolledFederation, tmp_path: Path) -> IdentityFiles:
    """A copy of acme's folder, to be broken."""
    return IdentityFiles(shutil.copytree(enrolled.parties["acme"], tmp_path / "acme"))


def _messages(files: IdentityFiles, now: datetime | None = None) -> list[str]:
    return [problem.message for problem in diagnose(files.folder, now=now)]


def test_a_whole_identity_has_no_problem(files: IdentityFiles) -> None:
    """And can be loaded, without its key being shown."""
    assert diagnose(files.folder) == ()
    identity = load_identity(files.folder)
    assert (identity.federation, identity.party) == ("testfed", "acme")
    assert identity.valid_until > datetime.now(UTC)
    assert "PRIVATE KEY" not in repr(identity)


def test_a_folder_without_identity_says_how_to_enrol(tmp_path: Path) -> None:
    """The first thing that a new company meets."""
    with pytest.raises(InputError, match="has no identity yet") as caught:
        load_identity(tmp_path)
    assert "feddmf party enroll" in caught.value.hint


def test_a_certificate_that_has_not_come_is_waited_for(files: IdentityFiles) -> None:
    """Between asking and approval."""
    files.certificate.unlink()
    assert _messages(files) == ["acme has no certificate yet"]


@pytest.mark.parametrize("name", ["key", "root"])
def test_a_missing_file_is_named(files: IdentityFiles, name: str) -> None:
    """By its path."""
    path: Path = getattr(files, name)
    path.unlink()
    assert str(path) in _messages(files)[0]


@pytest.mark.parametrize("name", ["key", "root", "certificate", "federation"])
def test_a_broken_file_is_named(files: IdentityFiles, name: str) -> None:
    """Whatever is in it, the error is ours."""
    path: Path = getattr(files, name)
    path.write_text("nonsense")
    assert str(path) in _messages(files)[0]
    with pytest.raises(FedDMFError, match=path.name):
        load_identity(files.folder)


def test_an_expired_certificate_is_told_with_the_clock(files: IdentityFiles) -> None:
    """Either the certificate is over or the clock is wrong; the message holds both."""
    end = load_identity(files.folder).valid_until
    assert _messages(files, end - timedelta(seconds=1)) == []
    [message] = _messages(files, end)
    assert message.startswith(f"the certificate ended on {end:%Y-%m-%d %H:%M} UTC; this machine's clock says")
    with pytest.raises(Refused):
        load_identity(files.folder, now=end)


def test_a_clock_that_is_behind_is_told(files: IdentityFiles) -> None:
    """Certificate and root are both from the future then."""
    messages = _messages(files, datetime(2020, 1, 1, tzinfo=UTC))
    assert len(messages) == 2
    assert all("valid only from" in message for message in messages)


def test_an_expired_root_is_told(files: IdentityFiles) -> None:
    """Nothing that the party can do, and it says so."""
    messages = _messages(files, datetime.now(UTC) + timedelta(days=4000))
    assert any("the root certificate ended" in message for message in messages)


def test_a_key_of_another_certificate_is_told(files: IdentityFiles) -> None:
    """Files from two enrolments do not fit."""
    files.key.write_bytes(encode_key(make_key()))
    assert "is not the key of" in _messages(files)[0]


def test_a_certificate_of_another_root_is_told(files: IdentityFiles, tmp_path: Path) -> None:
    """A root that was replaced does not vouch for the certificate."""
    other = make_federation(tmp_path / "other", ())
    files.root.write_bytes(other.folder.root_certificate.read_bytes())
    assert "is not signed by the root" in _messages(files)[0]


def test_a_certificate_of_another_party_is_told(files: IdentityFiles, enrolled: EnrolledFederation) -> None:
    """The names in the file and in the certificate must be one."""
    bolt = IdentityFiles(enrolled.parties["bolt"])
    shutil.copy(bolt.certificate, files.certificate)
    shutil.copy(bolt.key, files.key)
    assert _messages(files) == ["the certificate is for bolt, not for acme"]


def test_a_coordinators_certificate_is_no_identity(
    files: IdentityFiles, enrolled: EnrolledFederation
) -> None:
    """Even with its key."""
    shutil.copy(enrolled.folder.server_certificate, files.certificate)
    shutil.copy(enrolled.folder.server_key, files.key)
    assert _messages(files) == ["the certificate is a coordinator's, not a party's"]


def test_a_refusal_is_explained_from_the_partys_own_files(files: IdentityFiles) -> None:
    """The wire says one word; the dates say more, and where they do not, the operator's log does."""
    fine = explain_refusal(files.folder, "hub:8470")
    assert "own files are in order" in fine.message
    assert "revoked" in fine.hint
    late = explain_refusal(files.folder, "hub:8470", now=datetime.now(UTC) + timedelta(days=91))
    assert "hub:8470 refused: the certificate ended" in late.message
