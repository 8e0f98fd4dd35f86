"""A PostgreSQL server of the tests' own, in a folder of its own; it is gone when they are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["PASSWORD", "execute", "postgres_server"]

PASSWORD = "p@ss word"  # noqa: S105  (of a server that lives for one test)
_PATIENCE_S = 30.0


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server that lets `owner` in with PASSWORD; yield host, port and database of its URL."""
    initdb, postgres = _binary("initdb"), _binary("postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="feddmf-postgres-"))
    data = str(folder / "data")
    (folder / "password").write_text(PASSWORD)
    if os.getuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "nobody", "nogroup")
    how = ("-U", "owner", "-A", "scram-sha-256", "-N", "-E", "UTF8", "--no-locale")
    made = subprocess.run(
        _unprivileged(initdb, "-D", data, *how, f"--pwfile={folder / 'password'}"),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    running = subprocess.Popen(
        _unprivileged(postgres, "-D", data, "-p", str(port), *settings),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        at = f"127.0.0.1:{port}/postgres"
        _await(at, running)
        yield at
    finally:
        # Whoever is still connected is not waited for.
        running.send_signal(signal.SIGINT)
        running.wait(_PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def execute(at: str, statements: str) -> None:
    """Execute SQL as the owner."""
    psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with psycopg.connect(f"postgresql://owner@{at}", password=PASSWORD, autocommit=True) as connection:
        connection.execute(statements)


def _await(at: str, process: subprocess.Popen[bytes]) -> None:
    psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            execute(at, "SELECT 1")
        except psycopg.OperationalError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def _unprivileged(*command: str) -> list[str]:
    """Return the command as one that root runs as nobody: PostgreSQL refuses to be run by root."""
    who = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    return [*(who if os.getuid() == 0 else ()), *command]


def _binary(name: str) -> str:
    """Return the path of a program of PostgreSQL, which Debian keeps off the path; skip without it."""
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")
    if not found:
        pytest.skip(f"PostgreSQL's {name} is not installed (Debian: apt-get install postgresql)")
    return found
