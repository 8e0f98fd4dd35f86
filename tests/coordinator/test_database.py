from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from feddmf.errors import ConfigError, LocalResourceError
from feddmf_coordinator.store import backends as module
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.migrations import HEAD


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a database that does not exist yet."""
    return tmp_path / "coordinator.db"


def test_sqlite_is_opened_durable(file: Path) -> None:
    """WAL, full fsync, foreign keys, a bounded wait for locks."""
    with Database.create(_url(file)) as database, database.read() as connection:
        values = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_the_file_is_its_owners_alone(file: Path) -> None:
    """The database and what SQLite puts beside it are readable by nobody else."""
    with Database.create(_url(file)) as database, database.begin() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "coordinator.db-wal" in modes


def test_a_transaction_is_whole_or_nothing(file: Path) -> None:
    """An error within it leaves no trace."""
    with Database.create(_url(file)) as database:
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))

        def fail() -> None:
            with database.begin() as connection:
                connection.execute(text("INSERT INTO t VALUES (1)"))
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with database.read() as connection:
            assert connection.scalar(text("SELECT count(*) FROM t")) == 0


def test_two_processes_see_each_others_writes(file: Path) -> None:
    """The command line writes, the server reads, each with its own engine."""
    with Database.create(_url(file)) as first, Database.open(_url(file)) as second:
        with first.begin() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
            connection.execute(text("INSERT INTO t VALUES (7)"))
        with second.read() as connection:
            assert connection.scalar(text("SELECT x FROM t")) == 7


def test_a_reader_does_not_wait_for_a_writer(file: Path) -> None:
    """Checking a caller goes on while an operator's command writes."""
    with (
        Database.create(_url(file)) as first,
        Database.open(_url(file)) as second,
        first.begin() as writing,
    ):
        writing.execute(text("CREATE TABLE t (x INTEGER)"))
        with second.read() as reading:
            assert reading.scalar(text("SELECT version_num FROM alembic_version")) == HEAD


def test_writers_in_threads_take_turns(file: Path) -> None:
    """Transactions that read and then write do not fail one another."""
    with Database.create(_url(file)) as database:
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
            connection.execute(text("INSERT INTO t VALUES (0)"))

        def add() -> None:
            for _ in range(10):
                with database.begin() as connection:
                    x = connection.scalar(text("SELECT x FROM t"))
                    connection.execute(text("UPDATE t SET x = :x"), {"x": x + 1})

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.read() as connection:
            assert connection.scalar(text("SELECT x FROM t")) == 40


def test_a_lock_that_is_held_too_long_is_explained(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for a lock ends, with a hint."""
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 20)
    with (
        Database.create(_url(file)) as first,
        Database.open(_url(file)) as second,
        first.begin(),
        pytest.raises(LocalResourceError, match="locked") as caught,
        second.begin(),
    ):
        pass
    assert "another process" in caught.value.hint


def test_a_full_disk_is_explained(file: Path) -> None:
    """SQLite's own limit stands in for a disk without room."""
    with Database.create(_url(file)) as database:
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE t (x BLOB)"))

        def fill() -> None:
            with database.begin() as connection:
                connection.execute(text("PRAGMA max_page_count = 1"))
                connection.execute(text("INSERT INTO t VALUES (randomblob(1000000))"))

        with pytest.raises(LocalResourceError, match="full") as caught:
            fill()
    assert "free space" in caught.value.hint


def test_a_file_that_is_no_database_is_explained(file: Path) -> None:
    """Any other content is an error with the file's name."""
    file.write_bytes(b"not a database, but long enough to have a header" * 100)
    with pytest.raises(LocalResourceError, match=r"coordinator\.db"):
        Database.open(_url(file))


def test_a_corrupt_database_is_explained(file: Path) -> None:
    """Pages that were overwritten are an error that says to restore a backup."""
    with Database.create(_url(file)) as database, database.begin() as connection:
        connection.execute(text("CREATE TABLE t (x BLOB)"))
        connection.execute(text("INSERT INTO t VALUES (randomblob(100000))"))
    pages = file.read_bytes()
    file.write_bytes(pages[:4096] + b"\xff" * (len(pages) - 4096))
    with pytest.raises(LocalResourceError, match="malformed") as caught:
        Database.open(_url(file))
    assert "backup" in caught.value.hint


def test_a_database_of_another_version_is_refused(file: Path) -> None:
    """A schema that this version does not know is not touched."""
    Database.create(_url(file)).close()
    plain = sqlite3.connect(file)
    plain.execute("UPDATE alembic_version SET version_num = '9999'")
    plain.commit()
    plain.close()
    with pytest.raises(LocalResourceError, match="schema 9999, of a newer feddmf"):
        Database.open(_url(file))


def test_a_broken_constraint_is_the_callers(file: Path) -> None:
    """The module that knows the noun explains what was there already."""
    with (
        Database.create(_url(file)) as database,
        pytest.raises(IntegrityError),
        database.begin() as connection,
    ):
        connection.execute(text("INSERT INTO feddmf_schema VALUES (2)"))


@pytest.mark.parametrize("url", ["nonsense", "", "oracul://host/db"])
def test_a_url_that_cannot_be_used_is_an_error(url: str) -> None:
    """No raw error comes through, and no part of the URL."""
    with pytest.raises(ConfigError) as caught:
        Database.open(url)
    assert caught.value.hint


def test_a_password_is_not_shown() -> None:
    """Messages name a server's database without the password in its URL."""
    engine = SimpleNamespace(url=make_url("postgresql+psycopg://user:hunter2@host/db"))
    assert Database(engine).name == "postgresql+psycopg://user:***@host/db"
