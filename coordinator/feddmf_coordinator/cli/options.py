"""What the coordinator's commands share: the folder, and its database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database

__all__ = ["FolderOption", "PassphraseOption", "open_database"]

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


def open_database(folder: Path) -> Database:
    """Open the database of a coordinator's folder; the caller closes it."""
    where = CoordinatorFolder(folder)
    return Database.open(where.database_url(where.load()))
