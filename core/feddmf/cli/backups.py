"""What the commands for backups of both sides share: their options, and how a backup is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from feddmf.backup.archive import Manifest
from feddmf.backup.outcome import Backup, Restored
from feddmf.cli.output import OutputFormat, say, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.cli.tables import utc
from feddmf.progress import Progress

__all__ = ["FileArgument", "NewFolderOption", "VerifyOption", "show_made", "show_restored", "show_whole"]

FileArgument = Annotated[Path, typer.Argument(help="File of the backup.")]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Only read the file, and tell whether it is whole.")
]
NewFolderOption = Annotated[Path, typer.Option("--folder", help="New or empty folder to put it into.")]

# What a side says of its own backup: columns and their values, from what the manifest tells.
Own = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def show_whole(
    file: Path, verified: Callable[[Path, Progress], Manifest], own: Own, output: OutputFormat
) -> None:
    """Read a backup, and show what it says of itself."""
    with LiveProgress() as progress:
        manifest = verified(file, progress)
    data = _told(file, manifest)
    show(data, output, lambda: _line(data, own, "is whole"))


def show_made(
    file: Path, make: Callable[[Progress], Backup], own: Own, output: OutputFormat, *, advice: str
) -> None:
    """Make a backup, and show what it says of itself; `advice` is how to keep it."""
    with LiveProgress() as progress:
        made = make(progress)
    data = {**_told(file, made.manifest), "left_out": list(made.left_out)}
    show(data, output, lambda: _line(data, own, "is made"))
    say(advice)
    if made.left_out:
        say(f"not in it: {', '.join(made.left_out)}")


def show_restored(
    file: Path,
    folder: Path,
    settings: Path,
    restore: Callable[[Progress], Restored],
    output: OutputFormat,
) -> Restored:
    """Restore a backup into `folder`, whose settings file is `settings`, and show what it is now."""
    with LiveProgress() as progress:
        made = restore(progress)
    data = {
        **_told(file, made.manifest),
        "folder": str(folder),
        "settings": str(settings),
        "runs_under_way": list(made.under_way),
    }
    show(data, output, lambda: f"{folder} is what it was on {utc(made.manifest.made_at)}")
    return made


def _told(file: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "file": str(file),
        "of": manifest.of,
        "made_at": manifest.made_at.isoformat(),
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        **manifest.about,
    }


def _line(data: Mapping[str, Any], own: Own, what: str) -> Table:
    shown = {"backup": data["file"], **own(data), "bytes": data["bytes"]}
    return table(tuple(shown), [tuple(shown.values())], title=f"the backup {what}")
