"""Revisions of the database: from the first release's tables to those that the nouns declare."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import feddmf_coordinator.store as package
from feddmf.errors import InputError, LocalResourceError
from feddmf_coordinator import backup, enrolling
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store import migrations
from feddmf_coordinator.store.catalogues import find_catalogue
from feddmf_coordinator.store.database import Database, metadata
from feddmf_coordinator.store.enrolment import list_parties
from feddmf_coordinator.store.operators import add_operator, verify_log
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.rows import KeptRows, kept_rows, put_rows, write_rows
from feddmf_coordinator.store.runs import list_rounds, list_runs
from support.databases import new_database, new_url

# A database of the release before there were revisions, with rows in every table.
FIRST = Path(__file__).parent / "data" / "schema_1.sql"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _declared() -> None:
    """Import every noun, so that `metadata` has all tables."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.startswith(migrations.__name__):
            importlib.import_module(module.name)


def _first(file: Path) -> Path:
    """Make the first release's database, as the file that it was."""
    plain = sqlite3.connect(file)
    plain.executescript(FIRST.read_text())
    plain.close()
    return file


@pytest.fixture
def rows(tmp_path: Path) -> KeptRows:
    """The rows of the first release's database."""
    file = _first(tmp_path / "first.db")
    with Database.found(f"sqlite:///{file}") as database, database.read() as connection:
        return write_rows(connection, tmp_path / "rows.jsonl")


def _upgraded(tmp_path: Path, rows: KeptRows) -> Database:
    """Return the first release's database, of the kind that the tests are run with, upgraded."""

    def fill(connection: Connection) -> None:
        put_rows(connection, rows)
        migrations.migrate(connection)

    url = new_url() or f"sqlite:///{tmp_path}/upgraded.db"
    return Database.create(url, fill, revision=migrations.REVISIONS[0])


def _differences(database: Database) -> list[object]:
    _declared()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_there_is_one_way_through_the_revisions() -> None:
    """Each follows the one before it, by name and by what it says."""
    folder = Path(migrations.__file__).parent
    script = ScriptDirectory(str(folder))
    assert script.get_heads() == [migrations.HEAD]
    found = [each.revision for each in script.walk_revisions()]
    assert found[::-1] == list(migrations.REVISIONS)


def test_a_new_database_has_the_tables_that_are_declared(tmp_path: Path) -> None:
    """No table, column, index or constraint more or less."""
    with new_database(tmp_path) as database:
        assert _differences(database) == []


def test_an_upgraded_database_has_the_tables_that_are_declared(tmp_path: Path, rows: KeptRows) -> None:
    """Those of the first release, with rows in every table, get there too."""
    with _upgraded(tmp_path, rows) as database:
        assert _differences(database) == []


def test_the_first_releases_database_has_rows_in_every_table(rows: KeptRows) -> None:
    """So that whatever an upgrade does to a table is done to rows."""
    assert rows.revision == ""
    assert min(rows.counts.values()) > 0
    assert len(rows.counts) == 19


def test_an_upgrade_keeps_what_is_there(tmp_path: Path, rows: KeptRows) -> None:
    """Every noun reads its rows as before."""
    with _upgraded(tmp_path, rows) as database, database.read() as connection:
        assert database.revision(connection) == migrations.HEAD
        assert [run.run for run in list_runs(connection)] == ["winter-sale-1", "spring-2"]
        assert list_runs(connection)[1].reason == "bolt declined: the policy \N{EN DASH} says no"
        assert [each["diagnostics"]["cosine"] for each in list_rounds(connection, "winter-sale-1")] == [
            0,
            0.25,
        ]
        assert find_catalogue(connection).labels["k2"] == "Nüt"
        assert [each.party for each in list_parties(connection, now=NOW)] == ["acme", "bolt", "cone"]
        assert [each.expires_ms for each in list_publications(connection)] == [1_900_000_000_000, 0]
        assert len(verify_log(connection)) == 64


def test_tables_that_an_old_process_never_made_are_made(tmp_path: Path) -> None:
    """A process of the first release made the tables of the nouns that it had imported, and no others."""
    file = _first(tmp_path / "first.db")
    plain = sqlite3.connect(file)
    plain.executescript("DROP TABLE renewals; DROP TABLE matching_steps; DROP TABLE ledger_anchor")
    plain.close()
    with Database.found(f"sqlite:///{file}") as database:
        with database.begin() as connection:
            migrations.migrate(connection)
        assert _differences(database) == []


def test_a_first_release_refuses_what_was_upgraded(tmp_path: Path) -> None:
    """It looks at one number alone, which is not the one that it knows."""
    with new_database(tmp_path) as database, database.read() as connection:
        assert connection.scalars(text("SELECT version FROM feddmf_schema")).all() == [2]


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Tables, rows and revision are changed in one transaction."""
    file = _first(tmp_path / "first.db")
    with Database.found(f"sqlite:///{file}") as database:

        def upgrade() -> None:
            with database.begin() as connection:
                migrations.migrate(connection)
                raise KeyError

        with pytest.raises(KeyError):
            upgrade()
        with database.read() as connection:
            assert database.revision(connection) == ""
            assert not inspect(connection).has_table(migrations.TABLE)


def _folder(tmp_path: Path) -> CoordinatorFolder:
    """Return a folder whose database is of the first release."""
    folder = CoordinatorFolder(tmp_path / "coordinator")
    enrolling.init(folder, CoordinatorSettings(federation="testfed"), now=NOW)
    for path in folder.path.glob("coordinator.db*"):
        path.unlink()
    _first(folder.database_file)
    return folder


def test_an_older_database_is_named_and_upgraded_after_a_backup(tmp_path: Path) -> None:
    """The command is named; what it was before can be restored, and comes back upgraded too."""
    folder = _folder(tmp_path)
    url = folder.database_url(folder.load())
    with pytest.raises(LocalResourceError, match="has schema 0000") as caught:
        Database.open(url)
    assert "feddmf coordinator upgrade" in caught.value.hint
    made = backup.upgrade(folder)
    assert (made.before, made.after) == ("", migrations.HEAD)
    assert made.backup is not None
    assert made.backup.parent == folder.backups
    with Database.open(url) as database, database.read() as connection:
        assert verify_log(connection)
        record = connection.scalar(text("SELECT record FROM operator_log ORDER BY number DESC LIMIT 1"))
    assert json.loads(record)["action"] == "upgrade"
    assert backup.upgrade(folder) == backup.Upgraded(migrations.HEAD, migrations.HEAD, None)
    restored = CoordinatorFolder(tmp_path / "restored")
    assert backup.restore(made.backup, restored).manifest.about["schema"] == ""
    with Database.open(restored.database_url(restored.load())) as database:
        assert _differences(database) == []


def test_who_serves_is_not_upgraded(tmp_path: Path) -> None:
    """Neither the folder's server nor, by another folder, the database's."""
    folder = _folder(tmp_path)
    with (
        Database.found(folder.database_url(folder.load())) as database,
        database.sole_server(),
        pytest.raises(LocalResourceError, match="serving"),
    ):
        backup.upgrade(folder)
    assert not folder.backups.exists()


def test_rows_go_from_one_database_to_another(tmp_path: Path, rows: KeptRows) -> None:
    """All of them, and numbers that the database gives out go on behind those that are there."""
    with _upgraded(tmp_path, rows) as database:
        with database.read() as connection:
            again = write_rows(connection, tmp_path / "again.jsonl")
        (tmp_path / "other").mkdir()
        with new_database(tmp_path / "other") as other:
            with other.begin() as connection:
                put_rows(connection, kept_rows(again.file))
            with other.read() as connection:
                written = write_rows(connection, tmp_path / "written.jsonl")
            with other.begin() as connection:
                add_operator(connection, "late", "another token", now=NOW)
                assert (
                    connection.scalar(text("SELECT max(number) FROM operators"))
                    == again.counts["operators"] + 1
                )
    assert written.file.read_bytes() == again.file.read_bytes()


def test_rows_that_were_lost_are_missed(tmp_path: Path, rows: KeptRows) -> None:
    """A file that has fewer than its head says fills nothing."""
    lines = rows.file.read_text().splitlines(keepends=True)
    rows.file.write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="other rows than it says"):
        _upgraded(tmp_path, rows)
