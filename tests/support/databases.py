"""Databases of coordinators: SQLite, or with FEDDMF_TEST_DATABASE=postgresql schemas of one server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

from feddmf_coordinator.store.database import Database
from support.postgres import PASSWORD, execute, postgres_server

__all__ = ["POSTGRES", "VARIABLE", "dropped_after", "new_database", "new_schema", "new_url", "stop_servers"]

VARIABLE = "FEDDMF_TEST_DATABASE"
POSTGRES = os.environ.get(VARIABLE, "sqlite") == "postgresql"
_servers = ExitStack()
_schemas: list[str] = []


def new_database(path: Path) -> Database:
    """Return a new, empty database, in the folder `path` where it is a file; the caller closes it."""
    return Database.create(new_url() or f"sqlite:///{path}/coordinator.db")


def new_url() -> str | None:
    """Return the URL of a database to be made; None where it is the file that a folder has anyway."""
    return new_schema() if POSTGRES else None


def new_schema() -> str:
    """Return the URL of a new schema of the server, which is started for the first."""
    at, name = _server(), f"test_{os.getpid()}_{len(_schemas)}"
    execute(at, f"CREATE SCHEMA {name}")
    _schemas.append(name)
    return f"postgresql+psycopg://owner:{quote(PASSWORD)}@{at}?options=-csearch_path%3D{name}"


@contextmanager
def dropped_after() -> Iterator[None]:
    """Drop the schemas that the block makes."""
    first = len(_schemas)
    yield
    for name in _schemas[first:]:
        execute(_server(), f"DROP SCHEMA IF EXISTS {name} CASCADE")


def stop_servers() -> None:
    """End the server, if one was started."""
    _servers.close()


@cache
def _server() -> str:
    return _servers.enter_context(postgres_server())
