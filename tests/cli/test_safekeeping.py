"""`feddmf coordinator backup`, `restore`, `upgrade`, `ledger reset` and `feddmf party backup`, `restore`."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from feddmf_coordinator.store.migrations import HEAD, REVISIONS
from support.authority import EnrolledFederation
from support.cli import Cli

SCHEMA_1 = Path(__file__).parents[1] / "coordinator" / "data" / "schema_1.sql"


def test_a_coordinators_backup_is_made_verified_and_restored(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """What is in it, what is not, and what has been lost since, in words that a person can act on."""
    folder, file = federation.folder.path, tmp_path / "hub.tar"
    code, out, err = cli.call("coordinator", "backup", file, "--folder", folder)
    assert code == 0
    assert out.splitlines()[0].strip() == "the backup is made"
    assert "the passphrase of the root's key is not in it" in err
    assert "not in it: ca/passphrase" in err
    data = cli.data("coordinator", "backup", file, "--verify")
    assert (data["of"], data["federation"], data["schema"]) == ("coordinator", "testfed", HEAD)
    assert data["rows"]["parties"] == 2
    code, _, err = cli.call("coordinator", "backup", file, "--folder", folder)
    assert (code, "is there already" in err) == (4, True)
    new = tmp_path / "new"
    code, out, err = cli.call("coordinator", "restore", file, "--folder", new)
    assert (code, out.startswith(f"{new} is what it was on ")) == (0, True)
    for words in (
        "make sure that the old one is off",
        "coordinator revoke",
        "invite those parties again",
        "numbers 1,000 further on",
    ):
        assert words in err
    standing = cli.data("coordinator", "status", "--folder", new)
    assert [each["party"] for each in standing["parties"]] == ["acme", "bolt"]
    code, _, err = cli.call("coordinator", "restore", file, "--folder", new)
    assert (code, "is not empty" in err) == (4, True)
    code, _, err = cli.call("party", "restore", file, "--folder", tmp_path / "other")
    assert (code, "is the backup of a coordinator" in err) == (4, True)


def test_a_partys_backup_is_made_verified_and_restored(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """The table is not in it, and what must be done before the node is started is said."""
    home, file, new = federation.parties["acme"], tmp_path / "acme.tar", tmp_path / "new"
    code, out, err = cli.call("party", "backup", file, "--folder", home)
    assert (code, out.splitlines()[0].strip()) == (0, "the backup is made")
    assert "not in it: interactions.csv" in err
    assert cli.data("party", "backup", file, "--verify")["party"] == "acme"
    code, out, err = cli.call("party", "restore", file, "--folder", new)
    assert (code, out.startswith(f"{new} is what it was on ")) == (0, True)
    for words in ("the old node is off", "feddmf party forget", "lifetime_epsilon", "ledger reset acme"):
        assert words in err
    assert cli.data("party", "status", "--folder", new)["party"] == "acme"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    code, _, err = cli.call("party", "backup", file, "--verify")
    assert (code, "cannot be used as a backup" in err) == (4, True)


def test_an_older_coordinator_is_upgraded(cli: Cli, federation: EnrolledFederation) -> None:
    """Every command says how; it is done once, and a backup of what was before lies there."""
    folder = federation.folder
    for path in folder.path.glob("coordinator.db*"):
        path.unlink()
    plain = sqlite3.connect(folder.database_file)
    plain.executescript(SCHEMA_1.read_text())
    plain.close()
    code, _, err = cli.call("coordinator", "status", "--folder", folder.path)
    assert code == 6
    assert f"has schema 0000; this version of feddmf has {HEAD}" in err
    assert "to do: run `feddmf coordinator upgrade`, which makes a backup first" in err
    data = cli.data("coordinator", "upgrade", "--folder", folder.path)
    assert (data["from"], data["to"]) == ("", REVISIONS[-1])
    assert cli.data("coordinator", "backup", data["backup"], "--verify")["rows"]["runs"] == 2
    again = cli.data("coordinator", "upgrade", "--folder", folder.path)
    assert (again["from"], again["backup"]) == (HEAD, None)
    assert cli.data("run", "list", "--folder", folder.path)["runs"]


@pytest.mark.parametrize("verb", [("start",), ("status",), ("upgrade",), ("log",), ("invite", "cone")])
def test_a_database_that_is_gone_is_named(
    cli: Cli, federation: EnrolledFederation, verb: tuple[str, ...]
) -> None:
    """By every command, with what to do; none makes an empty one in its place."""
    folder = federation.folder
    for path in folder.path.glob("coordinator.db*"):
        path.unlink()
    code, _, err = cli.call("coordinator", *verb, "--folder", folder.path)
    assert code == 6
    assert "coordinator.db is gone: nothing of it is left there" in err
    assert "feddmf coordinator restore FILE --folder NEW" in err
    assert not folder.database_file.exists()


def test_a_party_that_told_no_ledger_needs_no_reset(cli: Cli, federation: EnrolledFederation) -> None:
    """Nothing is recorded then; nor without an operator's token."""
    folder = federation.folder
    reset = ("coordinator", "ledger", "reset", "acme", "--reason", "why", "--folder", folder.path)
    code, _, err = cli.call(*reset)
    assert (code, "acme has told no ledger yet" in err) == (4, True)
    folder.operator_token.unlink()
    code, _, err = cli.call(*reset)
    assert (code, "needs an operator's token" in err) == (2, True)


def test_a_database_is_named_without_its_password(cli: Cli, tmp_path: Path) -> None:
    """A federation is founded in the database that is named; a password among the arguments is refused."""
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    cli.text("coordinator", "init", "fed", "--folder", str(tmp_path / "hub"), "--database", url)
    assert (tmp_path / "elsewhere.db").stat().st_size
    assert not (tmp_path / "hub" / "coordinator.db").exists()
    for bad in ("postgresql+psycopg://hub:secret@host/fed", "postgresql+psycopg://host/fed?password=secret"):
        failed = cli.fails(
            4, "coordinator", "init", "fed", "--folder", str(tmp_path / "b"), "--database", bad
        )
        assert "--database holds a password" in failed
        assert "secret" not in failed
        assert not (tmp_path / "b").exists()
