"""`feddmf attributes` at the coordinator: what parties have published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, show, table
from feddmf_coordinator.cli.coordinator import FolderOption
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import list_publications

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(
    *,
    folder: FolderOption = Path(),
    run: Annotated[str | None, typer.Option(help="Only what was published after this run.")] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """List the attributes that parties have published, by run."""
    where = CoordinatorFolder(folder)
    with Database.open(where.database_url(where.load())) as database, database.read() as connection:
        found = list_publications(connection, run)
    rows = [(each.run, each.party, key, label) for each in found for key, label in each.items]
    columns = ("run", "party", "key", "label")
    data = {"attributes": [dict(zip(columns, row, strict=True)) for row in rows]}
    show(data, output, lambda: table(columns, rows))
