"""`feddmf party backup` and `restore`: what is there when the party's disk is not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from feddmf.backup.outcome import Restored
from feddmf.cli.backups import (
    FileArgument,
    NewFolderOption,
    VerifyOption,
    show_made,
    show_restored,
    show_whole,
)
from feddmf.cli.output import FormatOption, OutputFormat, say
from feddmf.cli.tables import utc
from feddmf_party import backup as keeping
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder

__all__ = ["backup", "restore"]

_ADVICE = "keep it as you keep the party's key, which is in it, with the models of its finished runs"


def backup(
    file: FileArgument,
    *,
    folder: FolderOption = Path(),
    verify: VerifyOption = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write this party into one file: identity, ledger, runs, settings; no table. Its node may go on."""
    if verify:
        show_whole(file, keeping.verified, _own, output)
        return
    make = partial(keeping.back_up, PartyFolder(folder), file)
    show_made(file, make, _own, output, advice=_ADVICE)


def restore(file: FileArgument, *, folder: NewFolderOption, output: FormatOption = OutputFormat.TEXT) -> None:
    """Put a backup into a new folder, and say what has been lost since it was made."""
    home = PartyFolder(folder)
    made = show_restored(file, folder, home.settings_file, partial(keeping.restore, file, home), output)
    say(_lost(made))


def _own(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"of": data["party"] or "nobody yet", "made at": data["made_at"], "files": data["files"]}


def _lost(made: Restored) -> str:
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
