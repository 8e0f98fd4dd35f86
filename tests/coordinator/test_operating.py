from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from feddmf.errors import InputError, Refused
from feddmf.files import write_text
from feddmf_coordinator import enrolling, operating
from feddmf_coordinator.operating import TOKEN_VARIABLE
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import list_operators, read_log, verify_log
from support.authority import EnrolledFederation, make_federation


@pytest.fixture
def federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnrolledFederation:
    """A federation of one party, founded at this shell."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return make_federation(tmp_path, ("acme",))


@pytest.fixture
def folder(federation: EnrolledFederation) -> CoordinatorFolder:
    """Its coordinator's folder."""
    return federation.folder


def _log(folder: CoordinatorFolder) -> list[dict[str, Any]]:
    with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
        verify_log(connection)
        return list(read_log(connection))


def _told(folder: CoordinatorFolder) -> list[tuple[str, str]]:
    return [(each["operator"], each["action"]) for each in _log(folder)]


def test_the_first_operator_is_there_from_the_start(folder: CoordinatorFolder) -> None:
    """Its token is a file of its owner's alone; the database has a digest, and the log what was done."""
    token = folder.operator_token.read_text().strip()
    assert folder.operator_token.stat().st_mode & 0o777 == 0o600
    assert folder.operator_token.parent.stat().st_mode & 0o777 == 0o700
    assert len(token) > 40
    kept = b"".join(path.read_bytes() for path in folder.path.glob("coordinator.db*"))
    assert token.encode() not in kept
    assert _told(folder) == [("operator", "init"), ("operator", "invite"), ("operator", "approve")]
    assert _log(folder)[2]["what"]["party"] == "acme"


CHANGES: list[Callable[[CoordinatorFolder], object]] = [
    lambda folder: enrolling.invite(folder, "bolt"),
    lambda folder: enrolling.approve(folder, "acme"),
    lambda folder: enrolling.revoke(folder, "acme"),
    enrolling.renew,
    lambda folder: operating.remove_operator(folder, "operator"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_without_a_token_nothing_changes(folder: CoordinatorFolder, change: Callable[..., object]) -> None:
    """No invitation, approval, revocation, renewal or operator; the hint says how to get one."""
    folder.operator_token.unlink()
    server, before = folder.server_certificate.read_bytes(), _log(folder)
    with pytest.raises(Refused, match="needs an operator's token") as caught:
        change(folder)
    assert "operators add" in caught.value.hint
    assert _log(folder) == before
    assert folder.server_certificate.read_bytes() == server
    assert not list(folder.invitations.glob("bolt*"))


def test_a_token_that_is_nobodys_is_refused(
    folder: CoordinatorFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has none of it; a certificate of a party is none either."""
    for wrong in ("fdo_made-up", (folder.path.parent / "acme/identity/certificate.pem").read_text()):
        monkeypatch.setenv(TOKEN_VARIABLE, wrong)
        with pytest.raises(Refused, match="is nobody's, or was removed") as caught:
            enrolling.revoke(folder, "acme")
        assert wrong not in f"{caught.value} {caught.value.hint}"


def test_a_token_that_others_can_read_is_refused(folder: CoordinatorFolder) -> None:
    """It says what to do."""
    folder.operator_token.chmod(0o640)
    with pytest.raises(Refused, match="can be read by others") as caught:
        enrolling.invite(folder, "bolt")
    assert caught.value.hint == f"run: chmod 600 {folder.operator_token}"


def test_each_operator_acts_under_its_own_name(
    folder: CoordinatorFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its token is taken out of use."""
    operating.add_operator(folder, "mary", tmp_path / "mary.token")
    assert (tmp_path / "mary.token").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv(TOKEN_VARIABLE, (tmp_path / "mary.token").read_text())
    enrolling.invite(folder, "bolt")
    monkeypatch.delenv(TOKEN_VARIABLE)
    operating.remove_operator(folder, "mary")
    assert _told(folder)[-3:] == [
        ("operator", "operators add"),
        ("mary", "invite"),
        ("operator", "operators remove"),
    ]
    monkeypatch.setenv(TOKEN_VARIABLE, (tmp_path / "mary.token").read_text())
    with pytest.raises(Refused, match="was removed"):
        enrolling.invite(folder, "cargo")


def test_names_and_files_that_are_taken(folder: CoordinatorFolder, tmp_path: Path) -> None:
    """Nothing is overwritten, and nobody can pass for what signs renewals."""
    file = tmp_path / "token"
    for name, words in (("operator", "already"), ("renewals", "no name"), ("root", "no name"), ("M", "id")):
        with pytest.raises(InputError, match=words):
            operating.add_operator(folder, name, file)
    assert not file.exists()
    file.touch()
    with pytest.raises(InputError, match="is there already"):
        operating.add_operator(folder, "mary", file)
    with pytest.raises(InputError, match="no operator 'john'"):
        operating.remove_operator(folder, "john")
    with pytest.raises(InputError, match="is the only operator"):
        operating.remove_operator(folder, "operator")


def test_a_lost_token_is_replaced_by_who_opens_the_roots_key(
    folder: CoordinatorFolder, tmp_path: Path
) -> None:
    """With the passphrase, and not without."""
    folder.operator_token.unlink()
    passphrase = folder.passphrase_file.rename(tmp_path / "passphrase")
    with pytest.raises(InputError, match="passphrase"):
        operating.add_operator(folder, "mary", tmp_path / "mary.token")
    operating.add_operator(folder, "mary", tmp_path / "mary.token", passphrase_file=passphrase)
    assert _told(folder)[-1] == ("root", "operators add")
    with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
        assert [each.name for each in list_operators(connection)] == ["mary", "operator"]


def test_what_failed_is_not_in_the_log(folder: CoordinatorFolder, tmp_path: Path) -> None:
    """The change and its record are one transaction."""
    before = _told(folder)
    blocked = tmp_path / "a file"
    write_text(blocked, "")
    with pytest.raises(Exception, match="cannot write"):
        enrolling.invite(folder, "bolt", file=blocked / "bolt.toml")
    assert _told(folder) == before


TAMPERED = [
    (
        "UPDATE operator_log SET record = replace(record, 'acme', 'bolt') WHERE number = 1",
        "record 1 was changed",
    ),
    ("DELETE FROM operator_log WHERE number = 1", "record 1 does not follow"),
    ("DELETE FROM operator_log WHERE number = 0", "record 0 does not follow"),
    ("UPDATE operator_log SET number = 9 - number", "record 0 does not follow"),
    ("UPDATE operator_log SET hash = substr(record, 1, 64) WHERE number = 2", "the last record was changed"),
    ("UPDATE operator_log SET record = 'nonsense' WHERE number = 2", "cannot be read"),
]


@pytest.mark.parametrize(("statement", "words"), TAMPERED)
def test_a_log_that_was_tampered_with_says_where(
    folder: CoordinatorFolder, statement: str, words: str
) -> None:
    """Edited, deleted, reordered; a cut tail shows against a head that was noted elsewhere."""
    with Database.open(folder.database_url(folder.load())) as database:
        with database.begin() as connection:
            connection.execute(text(statement))
        with database.read() as connection, pytest.raises(InputError, match=words):
            verify_log(connection)


def test_a_record_says_who_what_and_when(folder: CoordinatorFolder) -> None:
    """In UTC, with the key that was approved."""
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    enrolling.invite(folder, "bolt", now=now)
    record = _log(folder)[-1]
    assert json.loads(json.dumps(record))["at"] == "2026-05-01T12:00:00+00:00"
    assert (record["operator"], record["action"], record["what"]) == ("operator", "invite", {"party": "bolt"})
    assert len(_log(folder)[2]["what"]["key"]) == 95
