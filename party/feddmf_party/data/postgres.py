"""PostgreSQL, read by columns over its COPY protocol by the driver of Arrow Database Connectivity (ADBC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from feddmf_party.data.arrow import ArrowError, pa
from feddmf_party.data.databases import Wording, needed, the_value
from feddmf_party.data.reading import check_columns
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.tables import ROW_BYTES

__all__ = ["Postgres"]

_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"


class Postgres:
    """A server and database, by URL."""

    def __init__(self, url: str, wording: Wording) -> None:
        self._url = url
        self._wording = wording
        self._driver = needed("adbc_driver_postgresql.dbapi", wording)

    def records(self, settings: SourceSettings, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """Yield the columns as record batches of about `rows` rows; what has no type here comes as text."""
        with self._cursor() as cursor:
            cursor.adbc_statement.set_options(**{_BATCH_BYTES: str(rows * ROW_BYTES)})
            table = ".".join(map(_quoted, (settings.table or "").split(".")))
            # The line break ends a comment that the query may end in.
            whole = f"({settings.query.strip().rstrip(';')}\n)" if settings.query else table
            fields = self._fields(cursor, settings.query or f"SELECT * FROM {table}")  # noqa: S608  (quoted)
            check_columns(settings.source, fields.names, columns)
            selected = ", ".join(map(_selected, (fields.field(name) for name in columns)))
            # Quoted, or the user's own.
            with self._reader(cursor, f"SELECT {selected} FROM {whole} AS feddmf") as reader:  # noqa: S608
                yield from reader

    def value(self, query: str) -> str:
        """Return the one value that `query` selects, as text."""
        with self._cursor() as cursor, self._reader(cursor, query) as reader:
            found = reader.read_all()
        rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
        return the_value(rows, self._wording)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            connection = self._driver.connect(self._url)
        except self._driver.Error as error:
            # Without the driver's own error, whose text may hold the URL.
            raise self._wording.unreachable(error) from None
        with connection, connection.cursor() as cursor:
            try:
                # Of this transaction alone, which is never committed: a pool may lend the session to others.
                cursor.execute("SET TRANSACTION READ ONLY")
            except self._driver.Error as error:
                raise self._wording.unusable(_reason(error)) from None
            yield cursor

    def _fields(self, cursor: Any, query: str) -> Any:
        try:
            return cursor.adbc_execute_schema(query)
        except self._driver.Error as error:
            raise self._wording.unusable(_reason(error)) from None

    @contextmanager
    def _reader(self, cursor: Any, query: str) -> Iterator[Any]:
        try:
            cursor.execute(query)
            with cursor.fetch_record_batch() as reader:
                yield reader
        except (self._driver.Error, ArrowError, OSError) as error:
            raise self._wording.unusable(_reason(error)) from None


def _selected(field: Any) -> str:
    name = _quoted(field.name)
    return f"CAST({name} AS text) AS {name}" if isinstance(field.type, pa.BaseExtensionType) else name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: Exception) -> str:
    """Return what the server said, without the query that the driver adds."""
    return str(error).partition("\n\nQuery was:")[0]
