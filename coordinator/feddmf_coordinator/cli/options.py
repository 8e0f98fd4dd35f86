"""What the coordinator's commands share: the folder, and its database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.errors import ConfigError
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database, has_password

__all__ = ["DatabaseOption", "FolderOption", "PassphraseOption", "open_database"]

FolderOption = Annotated[
    Path, typer.Option("--folder", help="The coordinator's folder.", show_default="here")
]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File with the passphrase of the root's key; else FEDDMF_CA_PASSPHRASE, else ca/passphrase.",
    ),
]


def _without_password(url: str | None) -> str | None:
    if url is not None and has_password(url):
        # Whoever is on this machine sees the arguments of a command, and its shell keeps them.
        raise ConfigError(
            "--database holds a password",
            hint="leave it out, and put it into PGPASSWORD or ~/.pgpass for this command and the server",
        )
    return url


DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of an empty database, such as postgresql+psycopg://user@host/name. No password.",
        show_default="a SQLite file in the folder",
        callback=_without_password,
    ),
]


def open_database(folder: Path) -> Database:
    """Open the database of a coordinator's folder; the caller closes it."""
    where = CoordinatorFolder(folder)
    return Database.open(where.database_url(where.load()))
