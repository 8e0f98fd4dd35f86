"""`feddmf audit` at a party: what left, the proof of it, and whether the coordinator says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

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
from feddmf_party.cli.options import FolderOption
from feddmf_party.cli.written import check_place
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers

__all__ = ["app"]

app = typer.Typer(
    help="What left this company, and the proof of it.", no_args_is_help=True, add_completion=False
)

_COLUMNS = ("record", "when", "what", "run", "phase", "round", "kind", "items", "bytes", "privacy")


@app.command("show")
def show_(
    *,
    folder: FolderOption = Path(),
    run: RunFilter = None,
    last: LastOption = 40,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show what this party's ledger says, newest last: what left, when, for which run, at which price."""
    where = PartyFolder(folder)
    where.require()
    everything = (each for each in LedgerFile(where.ledger).records() if run in {None, each.get("run")})
    show_records(everything, _COLUMNS, _row, last, output)


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
    """Check chain, signatures and countersignatures; name the record that does not hold, and why."""
    show_verified(papers_at(file or folder, party_papers), fingerprint, output)


@app.command("export")
def export(
    *,
    folder: FolderOption = Path(),
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Write ledger, countersignatures and certificates into one file that can be checked anywhere."""
    papers = party_papers(folder)
    check_place(out, folder)
    show_export(papers, out, output)


@app.command("compare")
def compare(
    ours: Annotated[Path, typer.Argument(help="This party's folder, or its export.")],
    theirs: Annotated[Path, typer.Argument(help="The coordinator's export about this party.")],
    *,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Hold this party's ledger against the coordinator's: what one side alone has, and what differs."""
    show_comparison(papers_at(ours, party_papers), papers_at(theirs, party_papers), output)


def _row(record: Mapping[str, Any]) -> tuple[object, ...]:
    arrays = record.get("arrays")
    arrays = [each for each in arrays if isinstance(each, dict)] if isinstance(arrays, list) else []
    kinds = dict.fromkeys(str(each.get("kind")) for each in arrays)
    rows = [each["shape"][0] for each in arrays if isinstance(each.get("shape"), list) and each["shape"]]
    return (
        record["number"],
        recorded_at(record),
        _what(record),
        _text(record, "run") or _text(record, "peer"),
        _text(record, "phase"),
        record.get("round", record.get("step")),
        ", ".join(kinds) or None,
        _items(record, rows),
        record.get("bytes"),
        _privacy(record),
    )


def _items(record: Mapping[str, Any], rows: Sequence[object]) -> object:
    """Return of how many items a record tells; a withdrawal of none names none, and means all."""
    if record.get("event") == "withdrawal" and record.get("count") == 0:
        return "all"
    return record.get("count", max((row for row in rows if isinstance(row, int)), default=None))


def _what(record: Mapping[str, Any]) -> str:
    match record.get("event"):
        case "join":
            return f"joins: {_text(record, 'purpose')}"
        case "key":
            return "signs from here on"
        case event:
            return str(event)


def _privacy(record: Mapping[str, Any]) -> str | None:
    if record.get("post_processing_of") is not None:
        return f"post-processing of #{record['post_processing_of']}"
    epsilon = record.get("epsilon")
    return f"epsilon {epsilon:.3g}" if isinstance(epsilon, int | float) else None


def _text(record: Mapping[str, Any], name: str) -> str | None:
    return None if record.get(name) is None else str(record[name])
