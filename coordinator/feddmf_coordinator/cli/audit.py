"""`feddmf audit` at the coordinator: what came from whom, and the proof of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.chain_file import ChainFile
from feddmf.cli.auditing import (
    FingerprintOption,
    LastOption,
    RunFilter,
    papers_at,
    recorded_at,
    show_comparison,
    show_export,
    show_records,
    show_verified,
)
from feddmf.cli.output import FormatOption, OutputFormat
from feddmf.signing import Domain
from feddmf_coordinator.cli.options import FolderOption
from feddmf_coordinator.papers import coordinator_papers
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["app"]

app = typer.Typer(
    help="What came from whom, and the proof of it.", no_args_is_help=True, add_completion=False
)

PartyOption = Annotated[str | None, typer.Option("--party", help="Only what is about this party.")]

_COLUMNS = (
    "record",
    "when",
    "party",
    "what",
    "run",
    "phase",
    "round",
    "kind",
    "bytes",
    "sha256",
    "its ledger",
)
_DIGITS = 16


@app.command("show")
def show_(
    *,
    folder: FolderOption = Path(),
    run: RunFilter = None,
    party: PartyOption = None,
    last: LastOption = 40,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show what parties sent, newest last, and how long each party's ledger was then."""
    where = CoordinatorFolder(folder)
    where.load()
    records = (
        each
        for each in ChainFile(where.ledger, Domain.RECEIPTS, lambda: None).records()
        if each.get("event") == "receipt"
        and run in {None, each.get("run")}
        and party in {None, each.get("party")}
    )
    show_records(records, _COLUMNS, _row, last, output)


@app.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A file of `feddmf audit export`.", show_default="this folder")
    ] = None,
    *,
    folder: FolderOption = Path(),
    fingerprint: FingerprintOption = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Check chain and signatures; name the record that does not hold, and why."""
    show_verified(papers_at(file or folder, coordinator_papers), fingerprint, output)


@app.command("export")
def export(
    *,
    folder: FolderOption = Path(),
    party: PartyOption = None,
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write the ledger into one file; with --party, only what that party may see of it."""
    show_export(coordinator_papers(folder, about=party), out, output)


@app.command("compare")
def compare(
    ours: Annotated[Path, typer.Argument(help="The coordinator's folder, or its export.")],
    theirs: Annotated[Path, typer.Argument(help="A party's export.")],
    *,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Hold the coordinator's ledger against a party's: what one side alone has, and what differs."""
    show_comparison(papers_at(ours, coordinator_papers), papers_at(theirs, coordinator_papers), output)


def _row(record: Mapping[str, Any]) -> tuple[object, ...]:
    kinds = record.get("kinds")
    return (
        record["number"],
        recorded_at(record),
        record.get("party"),
        record.get("of") or "told its ledger alone",
        record.get("run"),
        record.get("phase"),
        record.get("round"),
        ", ".join(map(str, kinds)) if isinstance(kinds, list) else None,
        record.get("bytes"),
        str(record.get("sha256") or record.get("items") or "")[:_DIGITS] or None,
        record.get("length"),
    )
