"""The coordinator's database: SQLite (WAL, full fsync) or another by URL; short transactions only.

Each noun's module (`store/enrolment.py` and its neighbours) declares its tables on `metadata` and
takes a `Connection` in its functions. `Database.open` creates whatever tables have been declared by
then, so a process makes the tables of the modules it imports and no list of them is kept anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import URL, Column, Connection, Engine, Integer, MetaData, Table, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from feddmf.errors import ConfigError, LocalResourceError
from feddmf.files import explain_os_error

__all__ = ["SCHEMA_VERSION", "Database", "from_seconds", "metadata", "to_seconds"]

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 10_000

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_schema = Table("feddmf_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

# What SQLite says, and what a person can do about it; the first that matches wins.
_SQLITE_HINTS = (
    ("full", "free space on that disk and run the command again; nothing was half-written"),
    ("locked", "another process holds the database; end it or wait, then run the command again"),
    ("readonly", "check the permissions of the database file and of its folder"),
    ("unable to open", "check that the folder exists and that you may write to it"),
    ("malformed", "restore the database from a backup"),
    ("not a database", "restore the database from a backup, or name another in coordinator.toml"),
    ("disk i/o", "check the disk; then run the command again"),
)


@dataclass(frozen=True)
class Database:
    """An open database; a context manager that closes it."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at `url`, creating it and its missing tables.

        Raises ConfigError for a URL that cannot be used, LocalResourceError where the database cannot.
        """
        parsed = _parse(url)
        _make_private(parsed)
        engine = _engine(parsed)
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        database = cls(engine)
        try:
            with database.begin() as connection:
                metadata.create_all(connection)
                _check_version(connection, database.name)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The database as messages may show it: a file's path, or the URL without its password."""
        url = self.engine.url
        return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that may write; commit at the end, roll back on an error.

        Raises LocalResourceError where the database is full, locked, unreachable or broken.
        """
        with self._explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads, so never waits for a writer."""
        with self._explained(), self.engine.connect() as plain:
            connection = plain.execution_options(feddmf_reads=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            # A broken constraint is the caller's to explain: it knows which noun was there already.
            raise
        except DBAPIError as error:
            reason = str(error.orig)
            raise LocalResourceError(
                f"cannot use the database {self.name}: {reason}", hint=self._hint(reason)
            ) from error

    def _hint(self, reason: str) -> str:
        if self.engine.url.get_backend_name() == "sqlite":
            matching = (hint for sign, hint in _SQLITE_HINTS if sign in reason.lower())
            return next(matching, "check the database file and its disk")
        return "check that the database server runs and that `database` in coordinator.toml is right"


def to_seconds(time: datetime) -> int:
    """Return `time` as tables keep it: whole seconds since 1970, UTC."""
    return int(time.timestamp())


def from_seconds(seconds: int) -> datetime:
    """Return the time that a table keeps as `seconds`."""
    return datetime.fromtimestamp(seconds, UTC)


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # The URL itself stays out of the message: it may hold a password.
        raise ConfigError(
            "the database is not named by a URL",
            hint="write it as sqlite:////path/file.db or postgresql+psycopg://user@host/name",
        ) from error


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"this installation has no driver for {url.drivername} databases",
            hint="install the driver, for PostgreSQL `pip install psycopg`, and write postgresql+psycopg://",
        ) from error


def _make_private(url: URL) -> None:
    """Create a SQLite file readable by its owner alone; its -wal and -shm files inherit that."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    with explain_os_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself; `_begin_sqlite` does, and says which kind.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and then writes could fail without waiting.
    reads = connection.get_execution_options().get("feddmf_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _check_version(connection: Connection, name: str) -> None:
    version = connection.scalar(select(_schema.c.version))
    if version is None:
        connection.execute(_schema.insert().values(version=SCHEMA_VERSION))
    elif version != SCHEMA_VERSION:
        raise LocalResourceError(
            f"the database {name} has schema {version}; this version of feddmf has {SCHEMA_VERSION}",
            hint="use the version of feddmf that made the database, or begin with a new one",
        )
