"""`feddmf catalog` at the coordinator: publish versions, see them and what they cover."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.catalogue.listing import join_listings
from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.cli.options import VersionOption
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import CatalogueError
from feddmf.files import read_text
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.operating import operating
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import (
    accepted_digests,
    add_catalogue,
    find_catalogue,
    latest_version,
)
from feddmf_coordinator.store.enrolment import list_parties

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("publish")
def publish(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="CSV: key,label,local_id:PARTY,... one row an item; several, of a party each, are joined.",
        ),
    ],
    *,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Publish a catalogue as the next version; the parties accept its digest before they use it."""
    text, name = _read(files)
    with open_database(folder) as database:
        with database.read() as connection:
            newest = latest_version(connection)
            if newest:
                _refuse_same(find_catalogue(connection), text, name)
        with operating(CoordinatorFolder(folder), "catalog publish", file=name) as act:
            catalogue = add_catalogue(act.connection, text, where=name, now=datetime.now(UTC))
            act.what.update(version=catalogue.version, digest=catalogue.digest())
            known = {each.party for each in list_parties(act.connection, now=datetime.now(UTC))}
    data = _describe(catalogue, {})
    show(data, output, lambda: _shown(data))
    for stranger in sorted(set(catalogue.parties) - known):
        say(
            f"note: nobody is enrolled or invited as {stranger}; misspelt, or invite it: "
            f"feddmf coordinator invite {stranger}"
        )
    say("the parties accept it with: feddmf catalog accept")


@app.command("show")
def show_(
    *, folder: FolderOption = Path(), version: VersionOption = 0, output: FormatOption = OutputFormat.TEXT
) -> None:
    """Show a published version and who has accepted it."""
    with open_database(folder) as database, database.read() as connection:
        catalogue = find_catalogue(connection, version)
        accepted = accepted_digests(connection, catalogue.version)
    data = _describe(catalogue, accepted)
    show(data, output, lambda: _shown(data))


@app.command("coverage")
def coverage(
    *, folder: FolderOption = Path(), version: VersionOption = 0, output: FormatOption = OutputFormat.TEXT
) -> None:
    """Show how many items each pair of parties has in common."""
    with open_database(folder) as database, database.read() as connection:
        catalogue = find_catalogue(connection, version)
    pairs = [vars(pair) for pair in catalogue.coverage()]
    columns = ("left", "right", "shared", "left_items", "right_items")
    rows = [tuple(pair[column] for column in columns) for pair in pairs]
    show(
        {"version": catalogue.version, "pairs": pairs},
        output,
        lambda: table(columns, rows, title=f"catalogue version {catalogue.version}"),
    )


def _read(files: list[Path]) -> tuple[str, str]:
    """Return the catalogue that `files` make, and what to call it."""
    texts = [
        (str(file), read_text(file, what="the catalogue", hint="name an existing CSV file")) for file in files
    ]
    name = " + ".join(where for where, _ in texts)
    return (texts[0][1] if len(texts) == 1 else join_listings(texts)), name


def _refuse_same(newest: Catalogue, text: str, where: str) -> None:
    again = parse_catalogue(text, version=newest.version, where=where)
    if again.digest() == newest.digest():
        raise CatalogueError(
            f"{where} is what version {newest.version} says already",
            hint="nothing to publish; the parties accept the version that is there",
        )


def _describe(catalogue: Catalogue, accepted: dict[str, str]) -> dict[str, Any]:
    return {
        "version": catalogue.version,
        "digest": catalogue.digest(),
        "items": len(catalogue.labels),
        "parties": [
            {"party": party, "items": len(catalogue.columns[party]), "accepted": party in accepted}
            for party in catalogue.parties
        ],
    }


def _shown(data: dict[str, Any]) -> Table:
    rows = [
        (each["party"], each["items"], "yes" if each["accepted"] else "not yet") for each in data["parties"]
    ]
    title = f"catalogue version {data['version']}: {data['items']} items, digest {data['digest']}"
    return table(("party", "items", "accepted"), rows, title=title)
