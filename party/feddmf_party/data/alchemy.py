"""Any database that SQLAlchemy has a driver for, row by row, a batch of rows in memory at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from feddmf.errors import DataError, FedDMFError
from feddmf_party.data.arrow import ArrowError, pa
from feddmf_party.data.databases import ENCODING, Wording, needed, the_value
from feddmf_party.data.reading import check_columns
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.urls import sqlite_file

__all__ = ["Alchemy"]

# What makes the transaction, or all of a connection of our own, one that the database lets nothing write in.
_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "cockroachdb": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


class Alchemy:
    """A database, by SQLAlchemy's URL."""

    def __init__(self, url: str, wording: Wording) -> None:
        self._wording = wording
        self._sql = needed("sqlalchemy", wording)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", self._sql.exc.SAWarning)
                self._engine = self._sql.create_engine(
                    url, hide_parameters=True, poolclass=self._sql.NullPool
                )
        except self._sql.exc.SAWarning as warning:
            said = str(warning).partition(" (Background")[0]
            raise wording.no_driver(said, hint="mend the parameters after ? in url") from None
        except self._sql.exc.NoSuchModuleError as error:
            raise wording.no_driver(str(error), hint="begin url with a dialect of SQLAlchemy") from None
        except ImportError as error:
            raise wording.no_driver(str(error), hint="install the database's driver for Python") from error
        except (self._sql.exc.ArgumentError, TypeError, ValueError):
            # Without the error itself, whose text may hold the URL.
            raise wording.no_driver(
                "url is no URL of a database",
                hint=f"write postgresql://user@host/database or sqlite:///file.db; {ENCODING}",
            ) from None
        _refuse_absent(self._engine.url, url, wording)

    def records(self, settings: SourceSettings, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """Yield the columns as record batches of `rows` rows, streamed where the database can."""
        with self._connected() as connection:
            query = settings.query
            if query is None:
                quoted = partial(_quoted, self._engine.dialect.identifier_preparer)
                table = ".".join(map(quoted, (settings.table or "").split(".")))
                empty = connection.exec_driver_sql(f"SELECT * FROM {table} WHERE 1 = 0")  # noqa: S608  (quoted)
                check_columns(settings.source, list(empty.keys()), columns)
                query = f"SELECT {', '.join(map(quoted, columns))} FROM {table}"  # noqa: S608  (quoted)
            streaming = connection.execution_options(yield_per=rows)
            result = streaming.exec_driver_sql(query.strip().rstrip(";"))
            names = list(result.keys())
            check_columns(settings.source, names, columns)
            places = [names.index(name) for name in columns]
            first = 1
            for part in result.partitions(rows):
                cells = list(zip(*part, strict=True))
                arrays = [
                    _array(settings.source, name, cells[place], first)
                    for name, place in zip(columns, places, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
                first += len(part)

    def value(self, query: str) -> str:
        """Return the one value that `query` selects, as text."""
        with self._connected() as connection:
            found = connection.exec_driver_sql(query.strip().rstrip(";")).fetchmany(2)
        return the_value(found, self._wording)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            connection = self._engine.connect()
        except Exception as error:  # noqa: BLE001  (a driver may raise any)
            raise self._wording.unreachable(_reason(error)) from None
        try:
            # Its end rolls back, as nothing here commits.
            with connection:
                read_only = _READ_ONLY.get(self._engine.url.get_backend_name())
                if read_only is not None:
                    connection.exec_driver_sql(read_only)
                # Without parameters a % is no placeholder, whatever the driver's are.
                yield connection.execution_options(no_parameters=True)
        except FedDMFError:
            raise
        except Exception as error:  # noqa: BLE001  (a driver may raise any)
            raise self._wording.unusable(_reason(error)) from None


def _quoted(preparer: Any, name: str) -> str:
    """Return a quoted name with each % as it is: some dialects double it, which only parameters undo."""
    quoted: str = preparer.quote_identifier(name)
    return quoted.replace("%%", "%") if "%%" in preparer.quote_identifier("%") else quoted


def _reason(error: Exception) -> str:
    """Return what the driver said, with its kind where it may say no more than a key or a number."""
    said = getattr(error, "orig", None) or error
    return str(said) if said is not error else f"{type(error).__name__}: {error}"


def _refuse_absent(parsed: Any, url: str, wording: Wording) -> None:
    """Raise an error for an SQLite file that is not there, which SQLite would make."""
    file = sqlite_file(url)
    if file is None or parsed.query.get("mode") == "memory":
        return
    if "uri" in parsed.query and not parsed.database.startswith("file:"):
        raise wording.no_driver(
            "url has uri, and a path that does not begin with file:",
            hint="write sqlite:///file:shop.db?mode=ro&uri=true, or leave uri out",
        )
    if not file.is_file():
        raise DataError(f"{wording.source}: no such file", hint="name one existing SQLite file")


def _array(source: str, name: str, cells: Sequence[Any], first: int) -> Any:
    if any(isinstance(cell, UUID) for cell in cells):
        cells = [None if cell is None else str(cell) for cell in cells]
    try:
        return pa.array(cells)
    except ArrowError as error:
        raise DataError(
            f"{source}: rows {first} to {first + len(cells) - 1}: column {name!r} holds cells of several "
            "types, or of one that is no id, number or time",
            hint="select it by a query, as CAST(... AS text)",
        ) from error
