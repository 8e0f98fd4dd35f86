"""`feddmf attributes` at the coordinator: what parties have published."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.store.offers import list_offers
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import find_run
from feddmf_coordinator.store.withdrawals import list_withdrawals

__all__ = ["app"]

_EVERYTHING = "(everything)"

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(
    *,
    folder: FolderOption = Path(),
    run: Annotated[str | None, typer.Option(help="Only what was published after this run.")] = None,
    offers: Annotated[
        bool, typer.Option("--offers", help="What parties would publish after a next run.")
    ] = False,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="What parties have taken back, when and why.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows to show; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """List the attributes that parties have published, by run, or with --offers are ready to publish."""
    if offers and withdrawn:
        raise InputError(
            "--offers is about the next run, --withdrawn about past ones", hint="give one of them"
        )
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
        elif withdrawn:
            columns = ("run", "party", "key", "on", "reason")
            rows = [
                (each.run, each.party, key or _EVERYTHING, _day(each.at_ms), each.reason)
                for each in list_withdrawals(connection, run)
                for key in each.keys or ("",)
            ]
        else:
            columns = ("run", "party", "key", "label", "until")
            rows = [
                (each.run, each.party, *item, _day(each.expires_ms))
                for each in list_publications(connection, run)
                for item in each.items
            ]
    data = {"attributes": [dict(zip(columns, row, strict=True)) for row in rows]}
    what = (
        "attributes offered for a next run"
        if offers
        else "attributes taken back"
        if withdrawn
        else "attributes published"
    )
    show(data, output, lambda: table(columns, rows[:top], title=f"{len(rows)} {what}"))
    if len(rows) > top and output is OutputFormat.TEXT:
        say(f"{len(rows) - top} more; show them with --top {len(rows)}")


def _day(at_ms: int) -> str:
    """Return the day of a time in milliseconds since 1970; empty for none."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d}" if at_ms else ""
