"""`feddmf coordinator backup`, `restore`, `upgrade`, `ledger reset`: for when something is lost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.backup.outcome import Restored
from feddmf.cli.backups import (
    FileArgument,
    NewFolderOption,
    VerifyOption,
    show_made,
    show_restored,
    show_whole,
)
from feddmf.cli.output import FormatOption, OutputFormat, say, show
from feddmf.cli.progress import LiveProgress
from feddmf.cli.tables import utc
from feddmf.progress import Progress
from feddmf_coordinator import backup as keeping
from feddmf_coordinator.cli.options import DatabaseOption, FolderOption
from feddmf_coordinator.letting import let_go_on
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.runs import LOST_RUNS

__all__ = ["backup", "ledger", "restore", "upgrade"]

ledger = typer.Typer(no_args_is_help=True, add_completion=False)

_ADVICE = (
    "keep it as you keep the root's key: it holds that key, encrypted, and the server's, which is not;\n"
    "the passphrase of the root's key is not in it: keep that by itself"
)


def backup(
    file: FileArgument,
    *,
    folder: FolderOption = Path(),
    verify: VerifyOption = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write this coordinator into one file: authority, database, runs, vectors. It may go on serving."""
    if verify:
        show_whole(file, keeping.verified, _own, output)
        return
    make = partial(keeping.back_up, CoordinatorFolder(folder), file)
    show_made(file, make, _own, output, advice=_ADVICE)


def restore(
    file: FileArgument,
    *,
    folder: NewFolderOption,
    database: DatabaseOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Put a backup into a new folder and an empty database, and say what has been lost since it was made.

    Without --database that is one like the database it came from.
    """
    home = CoordinatorFolder(folder)

    def put(progress: Progress) -> Restored:
        return keeping.restore(file, home, database=database, progress=progress)

    say(_lost(show_restored(file, folder, home.settings_file, put, output)))


def upgrade(
    *,
    folder: FolderOption = Path(),
    file: Annotated[
        Path | None,
        typer.Option("--backup", help="Where the backup goes that is made first.", show_default="backups/"),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Bring the database to the schema of this version; a backup is made first. End the server before."""
    with LiveProgress() as progress:
        made = keeping.upgrade(CoordinatorFolder(folder), backup=file, progress=progress)
    data = {
        "from": made.before,
        "to": made.after,
        "backup": None if made.backup is None else str(made.backup),
    }
    text = (
        f"the database has schema {made.after} already; there is nothing to do"
        if made.backup is None
        else f"the database has schema {made.after} now; what it was before is in {made.backup}"
    )
    show(data, output, lambda: text)


@ledger.command("reset")
def reset(
    party: Annotated[str, typer.Argument(help="Id of the party whose ledger is lost or older.")],
    *,
    folder: FolderOption = Path(),
    reason: Annotated[str, typer.Option(help="Why, for both sides' audits; no secret.")],
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Let a party go on from a ledger that is shorter than it told before; ask it first what happened."""
    last = let_go_on(CoordinatorFolder(folder), party, reason=reason)
    data = {"party": party, "length": last.length, "head": last.hash, "reason": reason}
    show(data, output, lambda: f"{party} may go on from another ledger than the one of {last.length} records")
    say(
        f"the coordinator's ledger says so from here on, and that {party} had told {last.length} records;\n"
        f"what those were shows: feddmf audit show --party {party}"
    )


def _own(data: Mapping[str, Any]) -> dict[str, Any]:
    rows = sum(data["rows"].values())
    return {"of": data["federation"], "made at": data["made_at"], "files": data["files"], "rows": rows}


def _lost(made: Restored) -> str:
    since = utc(made.manifest.made_at)
    under_way = (
        f"- runs under way then are gone on with where the parties still are: {', '.join(made.under_way)}; "
        "those that are not end by themselves: submit them again\n"
        if made.under_way
        else ""
    )
    return (
        f"what happened after {since} is lost here. Before you start this coordinator:\n"
        "- make sure that the old one is off, for good: two must not serve one federation\n"
        "- give the passphrase of the root's key back (--passphrase-file): no backup has it\n"
        "- certificates that were revoked since count again: feddmf coordinator revoke PARTY\n"
        "- certificates that were signed since are refused: invite those parties again\n"
        "- operators who were removed since are back: feddmf coordinator operators remove NAME\n"
        f"{under_way}"
        "- runs submitted since are unknown here; what parties have of them they keep. New runs get numbers "
        f"{LOST_RUNS:,} further on, so that none gets the id of one of those\n"
        "- vectors that parties withdrew since are handed out again: ask them to withdraw them again\n"
        "- this ledger is shorter than what parties hold countersignatures of, and its record of the "
        "restoration says so: feddmf audit compare shows what is missing; it asks nothing of the parties"
    )
