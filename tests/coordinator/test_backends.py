"""What either database promises: writers one by one, readers of one moment, one server; run with both."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, Connection, MetaData, Table, select, text

from feddmf.errors import ConfigError, InputError, LocalResourceError
from feddmf_coordinator.server import alone
from feddmf_coordinator.server.alone import stay_alone
from feddmf_coordinator.store import backends
from feddmf_coordinator.store.database import Database
from support.databases import POSTGRES, new_schema, new_url


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database with a table of one number."""
    url = new_url() or f"sqlite:///{tmp_path}/coordinator.db"

    def fill(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (0)"))

    Database.create(url, fill).close()
    return url


@pytest.fixture
def two(url: str) -> Iterator[tuple[Database, Database]]:
    """The database as two processes have it open."""
    with Database.open(url) as one, Database.open(url) as other:
        yield one, other


def test_writers_that_read_first_take_turns(two: tuple[Database, Database]) -> None:
    """No addition is lost, and nobody fails for another."""

    def add(database: Database) -> None:
        for _ in range(10):
            with database.begin() as connection:
                x = connection.scalar(text("SELECT x FROM t"))
                connection.execute(text("UPDATE t SET x = :x"), {"x": x + 1})

    threads = [threading.Thread(target=add, args=(database,)) for database in (*two, *two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with two[0].read() as connection:
        assert connection.scalar(text("SELECT x FROM t")) == 40


def test_a_reader_sees_one_moment_and_waits_for_nobody(two: tuple[Database, Database]) -> None:
    """What is committed meanwhile is seen by the next look alone."""
    reader, writer = two
    with reader.read() as seen:
        assert seen.scalar(text("SELECT x FROM t")) == 0
        with writer.begin() as connection:
            connection.execute(text("UPDATE t SET x = 1"))
            assert seen.scalar(text("SELECT x FROM t")) == 0
        assert seen.scalar(text("SELECT x FROM t")) == 0
    with reader.read() as connection:
        assert connection.scalar(text("SELECT x FROM t")) == 1


def test_a_writer_that_holds_it_too_long_is_explained(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for the other ends, with a hint."""
    monkeypatch.setattr(backends, "BUSY_TIMEOUT_MS", 50)
    with (
        Database.open(url) as one,
        Database.open(url) as other,
        one.begin(),
        pytest.raises(LocalResourceError, match="lock") as caught,
        other.begin(),
    ):
        pass
    assert "another process holds the database" in caught.value.hint


def test_tables_are_made_in_the_transaction_too(two: tuple[Database, Database]) -> None:
    """An error leaves no table."""

    def fail() -> None:
        with two[0].begin() as connection:
            connection.execute(text("CREATE TABLE u (x INTEGER)"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with two[1].begin() as connection:
        connection.execute(text("CREATE TABLE u (x INTEGER)"))


@pytest.mark.skipif(POSTGRES, reason="a server's database cannot be removed while it is connected to")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_removed_under_the_server_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    """What would be written goes nowhere from then on."""
    monkeypatch.setattr(alone, "_LOOK_S", 0.01)
    file = tmp_path / "hub.db"
    with Database.create(f"sqlite:///{file}") as database, database.sole_server() as server:
        server.check()
        if replaced:
            (tmp_path / "other").write_bytes(file.read_bytes())
            (tmp_path / "other").replace(file)
        else:
            file.unlink()
        with pytest.raises(LocalResourceError, match=r"hub\.db is gone, or another file lies in its place"):
            asyncio.run(stay_alone(server, asyncio.Event()))


def test_one_process_serves(two: tuple[Database, Database]) -> None:
    """A second is refused while the first does; others read and write."""
    one, other = two
    with one.sole_server() as server:
        with pytest.raises(LocalResourceError, match="serving the database"), other.sole_server():
            pass
        server.check()
        with other.begin() as connection:
            connection.execute(text("UPDATE t SET x = 1"))
    with other.sole_server():
        pass


def test_a_database_is_made_once(url: str) -> None:
    """Nothing is made over a federation, nor where there is none opened."""
    with pytest.raises(InputError, match="holds a federation already") as caught:
        Database.create(url)
    assert caught.value.hint


def test_other_databases_are_refused() -> None:
    """Whose promises nobody has looked at."""
    with pytest.raises(ConfigError, match="mysql is no database"):
        Database.open("mysql://user@host/name")


def test_numbers_that_are_none_come_back(two: tuple[Database, Database]) -> None:
    """A cosine of nothing is not a number, which JSON does not have; nor are the infinities."""
    table = Table("figures", MetaData(), Column("said", JSON))
    said = {"cosine": math.nan, "least": [-math.inf, 1.5, {"most": math.inf}], "text": "NaN"}
    with two[0].begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(said=said))
    with two[1].read() as connection:
        read = connection.scalar(select(table.c.said))
    assert math.isnan(read.pop("cosine"))
    assert read == {"least": [-math.inf, 1.5, {"most": math.inf}], "text": "NaN"}


@pytest.mark.skipif(not POSTGRES, reason="FEDDMF_TEST_DATABASE is not postgresql")
class TestPostgreSQL:
    """What SQLite cannot meet with."""

    def test_a_lock_that_was_lost_is_taken_again(
        self, two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server of the database was started again; or another process was faster, and we must stop."""
        one, other = two
        ends = text(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = :lock"
        )
        with one.sole_server() as server:
            for _ in range(2):
                with other.read() as connection:
                    pass
                with other.engine.connect() as connection:
                    assert connection.scalars(ends, {"lock": backends._SERVING}).all() == [True]
                server.check()
            with pytest.raises(LocalResourceError), other.sole_server():
                pass
            with other.engine.connect() as connection:
                connection.execute(ends, {"lock": backends._SERVING})
            monkeypatch.setattr("feddmf_coordinator.server.alone._LOOK_S", 0.01)
            with other.sole_server(), pytest.raises(LocalResourceError, match="serving"):
                asyncio.run(stay_alone(server, asyncio.Event()))

    def test_an_empty_schema_is_a_database_that_is_gone(self) -> None:
        """It is not filled; what to do is said, and no password."""
        with pytest.raises(LocalResourceError, match="is gone") as caught:
            Database.open(new_schema())
        assert "feddmf coordinator restore" in caught.value.hint
        assert "p%40ss" not in caught.value.message
        assert "p@ss" not in caught.value.message

    def test_a_server_that_refuses_is_explained(self, url: str) -> None:
        """A wrong password, a wrong name, nobody there."""
        for wrong, words in (
            (url.replace("p%40ss", "other"), "authentication failed"),
            (url.replace("/postgres?", "/elsewhere?"), "does not exist"),
            ("postgresql+psycopg://owner@127.0.0.1:1/x", "refused"),
        ):
            with pytest.raises(LocalResourceError, match=words) as caught:
                Database.open(wrong)
            assert "coordinator.toml" in caught.value.hint

    def test_federations_share_a_server_by_schema(self, url: str) -> None:
        """Each has its own tables, writers and server."""
        with Database.open(url) as one, Database.create(new_schema()) as other:
            with one.sole_server(), other.sole_server(), one.begin(), other.begin():
                pass
            with other.read() as connection:
                assert connection.scalar(text("SELECT count(*) FROM runs")) == 0

    @pytest.mark.parametrize(
        ("limit", "value", "words"),
        [
            ("backends.STATEMENT_TIMEOUT_MS", 100, "statement timeout"),
            ("postgres_line.SILENT_S", 0.3, "server has not answered for 0.3 s"),
        ],
    )
    def test_an_answer_is_not_waited_for_forever(
        self, url: str, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, words: str
    ) -> None:
        """The server ends what takes too long, we end a line without a word; the next call has another."""
        monkeypatch.setattr(f"feddmf_coordinator.store.{limit}", value)
        with Database.open(url) as database:
            with pytest.raises(LocalResourceError, match=words) as caught, database.begin() as connection:
                connection.execute(text("SELECT pg_sleep(60)"))
            assert "see w" in caught.value.hint
            with database.read() as connection:
                assert connection.scalar(text("SELECT x FROM t")) == 0

    def test_lines_that_were_cut_are_no_error_of_the_next_call(self, two: tuple[Database, Database]) -> None:
        """Connections that the server has ended are made anew."""
        one, other = two
        with one.read() as connection:
            mine = connection.scalar(text("SELECT pg_backend_pid()"))
        with other.engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        with one.begin() as connection:
            connection.execute(text("UPDATE t SET x = 5"))
