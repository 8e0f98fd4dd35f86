"""`feddmf attributes` at the coordinator: what parties have published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.store.offers import list_offers
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import find_run

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(
    *,
    folder: FolderOption = Path(),
    run: Annotated[str | None, typer.Option(help="Only what was published after this run.")] = None,
    offers: Annotated[
        bool, typer.Option("--offers", help="What parties would publish after a next run.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows to show; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """List the attributes that parties have published, by run, or with --offers are ready to publish."""
    with open_database(folder) as database, database.read() as connection:
        if run is not None:
            find_run(connection, run)
        if offers:
            rows = [("", each.party, *item) for each in list_offers(connection) for item in each.items]
        else:
            published = list_publications(connection, run)
            rows = [(each.run, each.party, *item) for each in published for item in each.items]
    columns = ("run", "party", "key", "label")
    data = {"attributes": [dict(zip(columns, row, strict=True)) for row in rows]}
    show(data, output, lambda: table(columns, rows[:top], title=f"{len(rows)} attributes"))
    if len(rows) > top and output is OutputFormat.TEXT:
        say(f"{len(rows) - top} more; show them with --top {len(rows)}")
