"""`feddmf party backup` and `restore`: what is there when the party's disk is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.backup.archive import Manifest
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.tables import utc
from feddmf_party import backup as keeping
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder

__all__ = ["backup", "restore"]

FileArgument = Annotated[Path, typer.Argument(help="File of the backup.")]


def backup(
    file: FileArgument,
    *,
    folder: FolderOption = Path(),
    verify: Annotated[
        bool, typer.Option("--verify", help="Only read the file, and tell whether it is whole.")
    ] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write this party into one file: identity, ledger, runs, settings; no table. Its node may go on."""
    if verify:
        data = _told(file, keeping.verified(file))
        show(data, output, lambda: _line(data, "is whole"))
        return
    made = keeping.back_up(PartyFolder(folder), file)
    data = {**_told(file, made.manifest), "left_out": list(made.left_out)}
    show(data, output, lambda: _line(data, "is made"))
    say("keep it as you keep the party's key, which is in it, with the models of its finished runs")
    if made.left_out:
        say(f"not in it: {', '.join(made.left_out)}")


def restore(
    file: FileArgument,
    *,
    folder: Annotated[Path, typer.Option("--folder", help="New or empty folder to put it into.")],
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Put a backup into a new folder, and say what has been lost since it was made."""
    home = PartyFolder(folder)
    made = keeping.restore(file, home)
    data = {
        **_told(file, made.manifest),
        "folder": str(folder),
        "settings": str(home.settings_file),
        "runs_under_way": list(made.under_way),
    }
    show(data, output, lambda: f"{folder} is what it was on {utc(made.manifest.made_at)}")
    say(_lost(made))


def _told(file: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "file": str(file),
        "of": manifest.of,
        "made_at": manifest.made_at.isoformat(),
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        **manifest.about,
    }


def _line(data: dict[str, Any], what: str) -> Any:
    columns = ("backup", "of", "made at", "files", "bytes")
    values = (data["file"], data["party"] or "nobody yet", data["made_at"], data["files"], data["bytes"])
    return table(columns, [values], title=f"the backup {what}")


def _lost(made: keeping.Restored) -> str:
    since = utc(made.manifest.made_at)
    party = made.manifest.about.get("party") or "PARTY"
    under_way = (
        f"- runs under way then are gone on with if nothing was sent since, private ones only behind their\n"
        f"  release: {', '.join(made.under_way)}\n"
        if made.under_way
        else ""
    )
    return (
        f"what happened after {since} is lost here, and the ledger says so from here on. Before you start:\n"
        "- make sure that the old node is off, for good: two must not be one party\n"
        "- the tables of interactions are not in a backup: see that party.toml names them\n"
        "- users forgotten since are back: feddmf party forget\n"
        "- tokens of the query API that were withdrawn since count again: feddmf token list\n"
        "- what private runs since have cost is not in this ledger any more: ask the operator which those\n"
        "  were (feddmf audit show --party), and lower lifetime_epsilon in policy.toml by their cost\n"
        "- matchings and seeds of runs since are forgotten: decline what you would not have sent twice\n"
        f"{under_way}"
        f"If anything was sent since, the coordinator was told another ledger, and refuses {party}: call\n"
        "the operator, who looks into it and lets the party go on: "
        f"feddmf coordinator ledger reset {party} --reason WHY"
    )
