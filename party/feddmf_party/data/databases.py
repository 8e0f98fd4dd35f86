"""Rows of databases, batch by batch: PostgreSQL by columns (ADBC), any other through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from feddmf.errors import ConfigError, ConnectError, DataError, FedDMFError, Refused
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.urls import is_unclear, masked, shown_url

__all__ = ["ENCODING", "Database", "Wording", "needed", "read_records", "state_of", "the_value"]

ENCODING = "percent-encode special characters of a password (%23 for #), or keep it in a variable: ${NAME}"
"""What to do where a password may have been taken for another part of the URL."""

_POSTGRES = ("postgresql://", "postgres://")
_NO_SQLITE = "file is not a database"
_REFUSED = (
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "access denied",
    "permission denied",
)


class Wording:
    """What is said of one database when it fails: its name, never its secrets."""

    def __init__(self, source: str, url: str, keys: str) -> None:
        self.source = source
        self._url = url
        self._keys = keys

    def unreachable(self, reason: object) -> FedDMFError:
        """Return the error for a server that does not answer, or does not let us in."""
        said = masked(str(reason), self._url)
        if _refused(reason):
            return Refused(
                f"{self.source}: the database refuses: {said}",
                hint="check user, password and database in url, and what that user may read",
            )
        hint = "check host, port and database in url, and that the server runs and lets this machine in"
        if is_unclear(self._url):
            hint = f"write postgresql://user:password@host/database: {ENCODING}"
        return ConnectError(f"{self.source}: cannot connect: {said}", hint=hint)

    def unusable(self, reason: object) -> FedDMFError:
        """Return the error for rows that cannot be had."""
        if _refused(reason):
            return self.unreachable(reason)
        hint = f"check {self._keys}; names are taken as they are written, in upper and lower case"
        if _NO_SQLITE in str(reason):
            hint = "name in url a file that is an SQLite database, and is not encrypted"
        return DataError(f"{self.source}: cannot be read: {masked(str(reason), self._url)}", hint=hint)

    def no_version(self, problem: str) -> FedDMFError:
        """Return the error for a `cache_query` whose answer says of no rows that they are as before."""
        return DataError(
            f"{self.source} {problem}",
            hint="select one value that changes whenever the rows do, such as count(*) of the table",
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
    yield from _open(settings, settings.source, "table or query").records(settings, columns, rows)


def state_of(settings: SourceSettings) -> str | None:
    """Return what the settings' `cache_query` selects, None without one; errors as `read_records`."""
    if settings.cache_query is None:
        return None
    source = f"{shown_url(settings.url or '')}: {settings.section}.cache_query"
    return _open(settings, source, "cache_query").value(settings.cache_query)


def the_value(rows: Sequence[Sequence[Any]], wording: Wording) -> str:
    """Return the one value that a `cache_query` selected, as text; DataError where it is none or NULL."""
    if len(rows) != 1 or len(rows[0]) != 1:
        raise wording.no_version("selects other than one value")
    if rows[0][0] is None:
        raise wording.no_version("selects NULL, which says nothing of the rows")
    return repr(rows[0][0])


def needed(name: str, wording: Wording) -> Any:
    """Return the module `name`; ConfigError names the extra where it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        raise wording.no_driver(
            f"this installation cannot read databases: {error}",
            hint='install the extra: pip install "feddmf[sql]"',
        ) from error


def _open(settings: SourceSettings, source: str, keys: str) -> Database:
    url = settings.full_url()
    wording = Wording(source, url, keys)
    if url.startswith(_POSTGRES):
        from feddmf_party.data.postgres import Postgres

        return Postgres(url, wording)
    from feddmf_party.data.alchemy import Alchemy

    return Alchemy(url, wording)
