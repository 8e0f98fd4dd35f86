"""What SQLite and PostgreSQL are each told, so that both keep the same promises.

A transaction that may write has the database to itself: SQLite takes its lock at once, and on PostgreSQL all
writers of a schema take one advisory lock. Whoever reads sees one moment and waits for nobody. What has been
committed is on disk. One process at a time serves a database.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from feddmf.errors import ConfigError, LocalResourceError
from feddmf.locks import only_one

__all__ = ["READS", "Backend", "SoleServer", "backend_of", "made_engine"]

READS = "feddmf_reads"
"""Execution option of a connection whose transaction only reads."""
BUSY_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 30_000
_CONNECT_S = 10
# Either end lets go within a minute of a machine that is gone, or of a network that is cut.
_KEEPALIVES = {"idle": 30, "interval": 10, "count": 3}
_UNHEARD_MS = 30_000
# The server notices a little later that a process has ended.
_LETTING_GO_S = 2.0
# As many as a process has threads that wait for the database.
_MORE_CONNECTIONS = 27

# What a database says, and what a person can do about it; the first that matches wins.
_HELD = "another process holds the database; end it or wait, then run the command again"
_SQLITE_HINTS = (
    ("full", "free space on that disk and run the command again; nothing was half-written"),
    ("locked", _HELD),
    ("readonly", "check the permissions of the database file and of its folder"),
    ("unable to open", "check that the folder exists and that you may write to it"),
    ("malformed", "restore the database from a backup: feddmf coordinator restore"),
    ("not a database", "restore the database from a backup, or name another in coordinator.toml"),
    ("disk i/o", "check the disk; then run the command again"),
)
_POSTGRES_HINTS = (
    ("lock timeout", _HELD),
    ("statement timeout", "see what keeps the database server busy; then run the command again"),
    ("has not answered", "see why the database server hangs, or start it again; nothing was half-written"),
    ("no space left", "free space on the database server's disk; nothing was half-written"),
    ("could not extend", "free space on the database server's disk; nothing was half-written"),
    ("authentication failed", "check user and password of `database` in coordinator.toml"),
    ("permission denied", "let that user create tables, and read and write them, in that database"),
)
# What stands in JSON for a number that JSON does not have.
_FLOAT = "$float"
# The two advisory locks of a schema: PostgreSQL finds them by these numbers and by the schema's own.
_WRITING, _SERVING = 0x0FEDD0, 0x0FEDD1
_SCHEMA = "to_regnamespace(quote_ident(current_schema()))::oid::int"


class SoleServer(Protocol):
    """The right to serve a database, which one process at a time has."""

    def check(self) -> None:
        """Make sure that it is still ours; LocalResourceError where another process has it meanwhile."""


class Backend(Protocol):
    """One kind of database."""

    def engine(self, url: URL) -> Engine:
        """Return an engine whose transactions keep the promises above."""

    def hint(self, reason: str) -> str:
        """Return what to do about an error of the database."""

    def sole_server(self, engine: Engine, name: str) -> AbstractContextManager[SoleServer]:
        """Hold the right to serve the database; LocalResourceError where another process has it."""


class _SQLite:
    def engine(self, url: URL) -> Engine:
        engine = create_engine(url)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", self._begin)
        return engine

    def hint(self, reason: str) -> str:
        return _matching(_SQLITE_HINTS, reason, "check the database file and its disk")

    @contextmanager
    def sole_server(self, engine: Engine, name: str) -> Iterator[SoleServer]:
        file = Path(f"{engine.url.database}.lock")
        with only_one(file, doing=f"serving the database {name} in"):
            yield _OwnFile(Path(str(engine.url.database)))

    def _prepare(self, connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself; `_begin` does, and says which kind.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    def _begin(self, connection: Connection) -> None:
        # A writer takes the lock at once: one that reads first and then writes could fail without waiting.
        reads = connection.get_execution_options().get(READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


class _PostgreSQL:
    def engine(self, url: URL) -> Engine:
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(
            url,
            # A server that was started again, or a line that was idle too long, is no error of the next call.
            pool_pre_ping=True,
            max_overflow=_MORE_CONNECTIONS,
            connect_args={
                "connect_timeout": _CONNECT_S,
                "tcp_user_timeout": _UNHEARD_MS,
                **{f"keepalives_{name}": number for name, number in _KEEPALIVES.items()},
            },
            json_serializer=_to_json,
            json_deserializer=_from_json,
        )
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", self._begin)
        return engine

    def hint(self, reason: str) -> str:
        other = "check that the database server runs and that `database` in coordinator.toml is right"
        return _matching(_POSTGRES_HINTS, reason, other)

    @contextmanager
    def sole_server(self, engine: Engine, name: str) -> Iterator[SoleServer]:
        lock = _AdvisoryLock(engine, name)
        try:
            lock.take()
            yield lock
        finally:
            lock.let_go()

    def _connect(self, _dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> Any:
        # The driver is an extra of the installation.
        from feddmf_coordinator.store.postgres_line import Line

        return Line.connect(*args, **options)

    def _prepare(self, connection: Any, _record: object) -> None:
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
        connection.execute("SET synchronous_commit = on")
        for name, number in _KEEPALIVES.items():
            connection.execute(f"SET tcp_keepalives_{name} = {number}")
        connection.autocommit = False

    def _begin(self, connection: Connection) -> None:
        if connection.get_execution_options().get(READS, False):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        elif not connection.get_execution_options().get("isolation_level"):
            # Statements that follow see whatever was committed before: each has a snapshot of its own.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITING}, {_SCHEMA})")


class _OwnFile:
    """The file that was opened: removed or replaced, it takes what is written, and nobody finds it again."""

    def __init__(self, file: Path) -> None:
        self._file, self._is = file, _inode(file)

    def check(self) -> None:
        """LocalResourceError where it lies there no more."""
        if _inode(self._file) != self._is:
            raise LocalResourceError(
                f"the database {self._file} is gone, or another file lies in its place",
                hint="put the file back, or restore the last backup, and start the coordinator again",
            )


class _AdvisoryLock:
    """A lock that PostgreSQL keeps for as long as one connection lasts."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take it; LocalResourceError where another process has it and does not let go in a moment."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        asked, until = f"SELECT pg_try_advisory_lock({_SERVING}, {_SCHEMA})", time.monotonic() + _LETTING_GO_S
        while not connection.exec_driver_sql(asked).scalar():
            if time.monotonic() > until:
                connection.close()
                raise LocalResourceError(
                    f"another process is serving the database {self._name}",
                    hint="end it first: two coordinators must not serve one database",
                )
            time.sleep(_LETTING_GO_S / 20)
        self._connection = connection

    def check(self) -> None:
        """Make sure that the connection lasts; take the lock again where it was lost."""
        if self._connection is not None:
            try:
                self._connection.exec_driver_sql("SELECT 1")
            except DBAPIError:
                self.let_go()
            else:
                return
        self.take()

    def let_go(self) -> None:
        """End the connection, and with it the lock."""
        if self._connection is not None:
            # Back in the pool it would go on holding the lock.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


_BACKENDS: dict[str, Backend] = {"sqlite": _SQLite(), "postgresql": _PostgreSQL(), "postgres": _PostgreSQL()}


def backend_of(url: URL) -> Backend:
    """Return the kind of database that `url` names; ConfigError where there is none."""
    backend = _BACKENDS.get(url.get_backend_name())
    if backend is None:
        raise ConfigError(
            f"{url.get_backend_name()} is no database that a coordinator's state can be in",
            hint="write it as sqlite:////path/file.db or postgresql+psycopg://user@host/name",
        )
    return backend


def made_engine(backend: Backend, url: URL) -> Engine:
    """Return the engine of a database; ConfigError where its driver is not installed."""
    try:
        return backend.engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"this installation has no driver for {url.drivername} databases",
            hint="install it, for PostgreSQL `pip install 'feddmf[postgres]'`, and write postgresql+psycopg://",
        ) from error


def _to_json(value: Any) -> str:
    """Return JSON as the standard has it, for PostgreSQL takes no other: NaN and infinities are objects."""
    return json.dumps(_marked(value), allow_nan=False)


def _from_json(text: str | bytes) -> Any:
    return json.loads(text, object_hook=lambda read: float(read[_FLOAT]) if read.keys() == {_FLOAT} else read)


def _marked(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else {_FLOAT: str(value)}
        case Mapping():
            return {key: _marked(each) for key, each in value.items()}
        case list() | tuple():
            return [_marked(each) for each in value]
        case _:
            return value


def _matching(hints: tuple[tuple[str, str], ...], reason: str, other: str) -> str:
    return next((hint for sign, hint in hints if sign in reason.lower()), other)
