"""`feddmf catalog` at the coordinator: publish versions, see them, what they cover and what they changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.catalogue.drift import Drift
from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.uploads import Upload, read_upload
from feddmf.cli.options import VersionOption
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf_coordinator.cataloguing import (
    Preview,
    drift_of,
    preview_upload,
    publish_upload,
    refuse_same,
    strangers_in,
)
from feddmf_coordinator.cli.options import FolderOption, open_database
from feddmf_coordinator.operating import operating
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import accepted_digests, find_catalogue, list_versions

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

_NAMED = 10


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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing: show what would change, or every mistake.")
    ] = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Publish a catalogue as the next version; the parties accept its digest before they use it."""
    upload = _read(files)
    if dry_run:
        with open_database(folder) as database, database.read() as connection:
            preview = preview_upload(connection, upload, now=datetime.now(UTC))
        _show_preview(preview, output)
        return
    upload.require_whole()
    # Beside the transaction that publishes: others write meanwhile.
    with open_database(folder) as database, database.read() as connection:
        refuse_same(connection, upload)
    with operating(CoordinatorFolder(folder), "catalog publish", file=upload.name) as act:
        catalogue = publish_upload(act.connection, upload, now=datetime.now(UTC))
        act.what.update(version=catalogue.version, digest=catalogue.digest())
        strangers = strangers_in(act.connection, catalogue, now=datetime.now(UTC))
    data = _describe(catalogue, {})
    show(data, output, lambda: _shown(data))
    _say_strangers(strangers)
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


@app.command("versions")
def versions(*, folder: FolderOption = Path(), output: FormatOption = OutputFormat.TEXT) -> None:
    """List the published versions, and who has accepted each."""
    with open_database(folder) as database, database.read() as connection:
        found = list_versions(connection)
    data = {
        "versions": [
            {
                "version": each.version,
                "digest": each.digest,
                "published_at": each.published_at.isoformat(),
                "accepted": {party: at.isoformat() for party, at in each.accepted.items()},
            }
            for each in found
        ]
    }
    rows = [
        (each.version, utc(each.published_at), ", ".join(each.accepted) or None, each.digest)
        for each in found
    ]
    show(data, output, lambda: table(("version", "published", "accepted by", "digest"), rows))
    if not found:
        say("no catalogue yet; publish one: feddmf catalog publish FILE.csv")


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


@app.command("drift")
def drift(
    *,
    folder: FolderOption = Path(),
    since: Annotated[
        int, typer.Option("--since", min=0, help="Earlier version.", show_default="the one before")
    ] = 0,
    version: VersionOption = 0,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show what changed between two versions: items, labels, each party's column, each pair."""
    with open_database(folder) as database, database.read() as connection:
        found = drift_of(connection, since, version)
    show(found.as_dict(), output, lambda: _changes(found))
    _say_changes(found)


def _read(files: list[Path]) -> Upload:
    hint = "name an existing CSV file"
    return read_upload([(str(file), read_bytes(file, what="the catalogue", hint=hint)) for file in files])


def _show_preview(preview: Preview, output: OutputFormat) -> None:
    """Show a preview, and leave with an error's exit code where it could not be published."""
    show(preview.as_dict(), output, lambda: _previewed(preview))
    upload = preview.upload
    if upload.more:
        say(f"and {upload.more:,} more mistakes")
    if preview.drift is not None:
        _say_changes(preview.drift)
    _say_strangers(preview.strangers)
    if not preview.can_be_published:
        say("it cannot be published as it is")
        raise typer.Exit(InputError.exit_code)
    say("nothing is published yet; publish it with the same command, without --dry-run")


def _previewed(preview: Preview) -> Table | str:
    if preview.catalogue is None:
        mistakes = preview.upload.mistakes
        rows = [(each.where, each.line, each.text, each.hint) for each in mistakes]
        return table(("file", "line", "mistake", "to do"), rows)
    if preview.same_as:
        return f"{preview.upload.name} is what version {preview.same_as} says already"
    if preview.drift is None:
        return _shown(_describe(preview.catalogue, {}))
    return _changes(preview.drift)


def _changes(found: Drift) -> Table:
    rows: list[tuple[object, ...]] = [
        (each.party, each.before, each.after, len(each.added), len(each.removed), len(each.renamed))
        for each in found.parties
    ]
    rows += [
        (f"{each.left} and {each.right}", each.before, each.after, len(each.gained), len(each.lost), None)
        for each in found.pairs
    ]
    title = (
        f"catalogue version {found.before} to {found.after}: {found.items_before} items to "
        f"{found.items_after}, {len(found.added)} added, {len(found.removed)} removed, "
        f"{len(found.relabelled)} relabelled"
    )
    columns = ("items of", "before", "after", "added", "removed", "renamed")
    return table(columns, rows, title=title)


def _say_changes(found: Drift) -> None:
    """Name what is lost: a matched item that is gone aligns nobody any more."""
    for what, keys in (
        ("no longer sold by two parties", found.unmatched),
        ("now sold by two parties or more", found.matched),
    ):
        if keys:
            more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
            say(f"{what}: {', '.join(keys[:_NAMED])}{more}")


def _say_strangers(strangers: tuple[str, ...]) -> None:
    for stranger in strangers:
        say(
            f"note: nobody is enrolled or invited as {stranger}; misspelt, or invite it: "
            f"feddmf coordinator invite {stranger}"
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
