"""`feddmf attributes` at the coordinator: what parties have published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
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
            if offers:
                raise InputError(
                    "--offers is about the next run, --run about a past one", hint="give one of them"
                )
            find_run(connection, run)
        rows: list[tuple[str, ...]]
        if offers:
            columns: tuple[str, ...] = ("party", "key", "label")
            rows = [(each.party, *item) for each in list_offers(connection) for item in each.items]
        else:
            columns = ("run", "party", "key", "label")
            published = list_publications(connection, run)
            rows = [(each.run, each.party, *item) for each in published for item in each.items]
    data = {"attributes": [dict(zip(columns, row, strict=True)) for row in rows]}
    what = "attributes offered for a next run" if offers else "attributes published"
    show(data, output, lambda: table(columns, rows[:top], title=f"{len(rows)} {what}"))
    if len(rows) > top and output is OutputFormat.TEXT:
        say(f"{len(rows) - top} more; show them with --top {len(rows)}")
