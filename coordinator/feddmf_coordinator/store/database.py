"""The coordinator's database: SQLite (WAL, full fsync) or PostgreSQL by URL; short transactions only.

Each noun's module (`store/enrolment.py` and its neighbours) declares its tables on `metadata` and
takes a `Connection` in its functions. How a database gets to have these tables is in `migrations/`: one is
made by `Database.create`, with a federation or from a backup, and a lost one never comes back empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Column, Connection, Engine, Integer, MetaData, Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnection

from feddmf.errors import ConfigError, InputError, LocalResourceError
from feddmf.files import explain_os_error
from feddmf_coordinator.store.backends import READS, SoleServer, backend_of, made_engine
from feddmf_coordinator.store.migrations import HEAD, REVISIONS, migrate, revision_of

__all__ = ["Database", "from_seconds", "has_password", "metadata", "to_seconds"]

_RESTORE = (
    "restore the last backup into a new folder: feddmf coordinator restore FILE --folder NEW; without one, "
    "begin a new federation in another folder: feddmf coordinator init"
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# What releases from before there were revisions look at, which have to refuse.
Table("feddmf_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))


@dataclass(frozen=True)
class Database:
    """An open database; a context manager that closes it."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at `url`, which is there and has the schema of this version.

        Raises ConfigError for a URL that cannot be used, LocalResourceError where the database cannot, is
        gone, or has the schema of another version.
        """
        database = cls.found(url)
        try:
            with database.read() as connection:
                _check_current(database.name, database.revision(connection))
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def found(cls, url: str) -> Self:
        """Return the database at `url`, whatever its schema; LocalResourceError where it is gone."""
        parsed = _parse(url)
        file = _file_of(parsed)
        if file is not None and not (file.exists() and file.stat().st_size):
            raise _gone(str(file))
        return cls(made_engine(backend_of(parsed), parsed))

    @classmethod
    def create(
        cls, url: str, fill: Callable[[Connection], None] = lambda _: None, *, revision: str = HEAD
    ) -> Self:
        """Make the tables of a new database at `url` and fill them, in one transaction; return it open.

        Raises InputError where it has tables already: nothing is overwritten.
        """
        parsed = _parse(url)
        backend = backend_of(parsed)
        _make_private(_file_of(parsed))
        database = cls(made_engine(backend, parsed))
        try:
            with database.begin() as connection:
                _refuse_to_overwrite(database.name, revision_of(connection))
                migrate(connection, to=revision)
                fill(connection)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """The database as messages may show it: a file's path, or the URL without its password."""
        url = self.engine.url
        return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string()

    def revision(self, connection: Connection) -> str:
        """Return the revision of its schema, "" before there were any.

        Raises LocalResourceError where it holds no tables of ours, or those of a newer version.
        """
        revision = revision_of(connection)
        if revision is None:
            raise _gone(self.name)
        if revision not in ("", *REVISIONS):
            raise LocalResourceError(
                f"the database {self.name} has schema {revision}, of a newer feddmf; this version has {HEAD}",
                hint="use the version of feddmf that upgraded it, or restore the backup from before that",
            )
        return revision

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
            connection = plain.execution_options(**{READS: True})
            with connection.begin():
                yield connection

    @contextmanager
    def sole_server(self) -> Iterator[SoleServer]:
        """Hold the right to serve the database; LocalResourceError where another process has it."""
        with self._explained(), backend_of(self.engine.url).sole_server(self.engine, self.name) as server:
            yield server

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
        except (DBAPIError, NoConnection) as error:
            reason = " ".join(str(getattr(error, "orig", error)).split())
            raise LocalResourceError(
                f"cannot use the database {self.name}: {reason}",
                hint=backend_of(self.engine.url).hint(reason),
            ) from error


def to_seconds(time: datetime) -> int:
    """Return `time` as tables keep it: whole seconds since 1970, UTC."""
    return int(time.timestamp())


def from_seconds(seconds: int) -> datetime:
    """Return the time that a table keeps as `seconds`."""
    return datetime.fromtimestamp(seconds, UTC)


def has_password(url: str) -> bool:
    """Tell whether a database's URL holds a password; ConfigError where it is no URL."""
    parsed = _parse(url)
    return parsed.password is not None or "password" in parsed.query


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # The URL itself stays out of the message: it may hold a password.
        raise ConfigError(
            "the database is not named by a URL",
            hint="write it as sqlite:////path/file.db or postgresql+psycopg://user@host/name",
        ) from error


def _file_of(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for one in memory, and for others."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _make_private(path: Path | None) -> None:
    """Create a SQLite file readable by its owner alone; its -wal and -shm files inherit that."""
    if path is not None:
        with explain_os_error(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)


def _gone(name: str) -> LocalResourceError:
    return LocalResourceError(f"the database {name} is gone: nothing of it is left there", hint=_RESTORE)


def _check_current(name: str, revision: str) -> None:
    if revision != HEAD:
        raise LocalResourceError(
            f"the database {name} has schema {revision or '0000'}; this version of feddmf has {HEAD}",
            hint="run `feddmf coordinator upgrade`, which makes a backup first",
        )


def _refuse_to_overwrite(name: str, revision: str | None) -> None:
    if revision is not None:
        raise InputError(
            f"the database {name} holds a federation already",
            hint="name an empty one: each federation has a database, or a schema of one, of its own",
        )
