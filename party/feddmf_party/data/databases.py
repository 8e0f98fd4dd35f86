"""Rows of databases, batch by batch: PostgreSQL by columns (ADBC), any other through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from feddmf.errors import ConfigError, ConnectError, DataError, FedDMFError, Refused
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.urls import expand, masked

__all__ = ["Database", "Wording", "needed", "read_records", "state_of"]

_POSTGRES = ("postgresql://", "postgres://")
_REFUSED = (
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "access denied",
    "permission denied",
)


class Wording:
    """What is said of one database when it fails: its name, never its secrets."""

    def __init__(self, source: str, url: str) -> None:
        self.source = source
        self._url = url

    def unreachable(self, reason: object) -> FedDMFError:
        """Return the error for a server that does not answer, or does not let us in."""
        said = masked(str(reason), self._url)
        if _refused(reason):
            return Refused(
                f"{self.source}: the database refuses: {said}",
                hint="check user, password and database in url, and what that user may read",
            )
        return ConnectError(
            f"{self.source}: cannot connect: {said}",
            hint="check host, port and database in url, and that the server runs and lets this machine in",
        )

    def unusable(self, reason: object) -> FedDMFError:
        """Return the error for rows that cannot be had."""
        if _refused(reason):
            return self.unreachable(reason)
        return DataError(
            f"{self.source}: cannot be read: {masked(str(reason), self._url)}",
            hint="check table or query; names are taken as they are written, in upper and lower case",
        )

    def no_driver(self, problem: str, *, hint: str) -> FedDMFError:
        """Return the error for an installation that cannot read such a database."""
        return ConfigError(f"{self.source}: {masked(problem, self._url)}", hint=hint)


def _refused(reason: object) -> bool:
    # Before a secret, which may be of any letters, is taken out of it.
    return any(mark in str(reason).lower() for mark in _REFUSED)


class Database(Protocol):
    """A kind of databases."""

    def records(self, settings: SourceSettings, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """Yield the columns as pyarrow record batches of about `rows` rows."""
        ...

    def value(self, query: str) -> str:
        """Return the one value that `query` selects, as text."""
        ...


def read_records(settings: SourceSettings, columns: Sequence[str], rows: int) -> Iterator[Any]:
    """Yield the `columns` of a database's table or query as record batches of about `rows` rows.

    Raises ConnectError where the server cannot be reached, Refused where it lets nobody in, ConfigError for a
    URL that names nothing known, DataError for what is wrong with table, query or columns.
    """
    yield from _open(settings).records(settings, columns, rows)


def state_of(settings: SourceSettings) -> str | None:
    """Return what the settings' `cache_query` selects, None without one; errors as `read_records`."""
    return None if settings.cache_query is None else _open(settings).value(settings.cache_query)


def needed(name: str, wording: Wording) -> Any:
    """Return the module `name`; ConfigError names the extra where it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        raise wording.no_driver(
            f"this installation cannot read databases: {error}",
            hint='install the extra: pip install "feddmf[sql]"',
        ) from error


def _open(settings: SourceSettings) -> Database:
    url = expand(settings.url or "")
    wording = Wording(settings.source, url)
    if url.startswith(_POSTGRES):
        from feddmf_party.data.postgres import Postgres

        return Postgres(url, wording)
    from feddmf_party.data.alchemy import Alchemy

    return Alchemy(url, wording)
