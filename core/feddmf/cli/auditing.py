"""What `feddmf audit` says at either side: of one side's papers, and of both held against each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from feddmf.audit.chains import ChainAudit
from feddmf.audit.comparing import Comparison, compare
from feddmf.audit.coordinator_book import CoordinatorBook, audit_coordinator
from feddmf.audit.papers import Papers, read_export, watched, write_export
from feddmf.audit.party_book import PartyBook, audit_party
from feddmf.cli.counted import counted
from feddmf.cli.output import OutputFormat, describe, say, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.cli.tables import utc
from feddmf.errors import FedDMFError, InputError
from feddmf.identity import certificate_fingerprint, key_fingerprint, same_fingerprint

__all__ = ["FingerprintOption", "LastOption", "RunFilter", "papers_at", "recorded_at", "show_comparison",
           "show_export", "show_records", "show_verified"]  # fmt: skip

FingerprintOption = Annotated[
    str | None, typer.Option(help="Fingerprint of the federation's root, as you know it.")
]
RunFilter = Annotated[str | None, typer.Option("--run", help="Only what belongs to this run.")]
LastOption = Annotated[int, typer.Option("--last", min=1, help="Rows to show; --format json has all.")]


def papers_at(path: Path, of_folder: Callable[[Path], Papers]) -> Papers:
    """Return what a folder shows, or an export."""
    return of_folder(path) if path.is_dir() else read_export(path)


def show_records(
    records: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    row: Callable[[Mapping[str, Any]], tuple[object, ...]],
    last: int,
    output: OutputFormat,
) -> None:
    """Show records, newest last: all of them as JSON, the `last` ones as rows."""
    if output is OutputFormat.JSON:
        show({"records": list(records)}, output, str)
        return
    rows, total = deque[tuple[object, ...]](maxlen=last), 0
    for record in records:
        rows.append(row(record))
        total += 1
    show({}, output, lambda: table(columns, list(rows)))
    if total > len(rows):
        say(f"{total - len(rows)} earlier records; show them with --last {total}")


def recorded_at(record: Mapping[str, Any]) -> str | None:
    """Return when a record says that it was written, for a person; None where it says no time."""
    try:
        return f"{datetime.fromisoformat(str(record.get('at'))):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return None


def show_verified(papers: Papers, fingerprint: str | None, output: OutputFormat) -> None:
    """Check papers, say what was found, and leave with an error's exit code where something does not hold."""
    root = certificate_fingerprint(papers.root)
    if fingerprint is not None and not same_fingerprint(fingerprint, root):
        raise InputError(
            f"its root has the fingerprint {root}, not the one given",
            hint="it is of another federation, or somebody made it up",
        )
    if papers.owner.party is not None:
        with LiveProgress() as progress:
            party = audit_party(watched(papers, progress))
        data, rows = _party_data(party), _party_rows(party)
        problems, notices = party.problems, party.notices
    else:
        with LiveProgress() as progress:
            account = audit_coordinator(watched(papers, progress))
        data, rows = _coordinator_data(account), _coordinator_rows(account)
        problems, notices = account.problems, account.notices
    data |= {
        "root_fingerprint": root,
        "holds": not problems,
        "problems": [problem.as_dict() for problem in problems],
        "notices": list(notices),
    }
    rows.append(("root fingerprint", root))
    rows.append(("verdict", "it does not hold" if problems else "it holds"))
    show(data, output, lambda: table(("", ""), rows))
    _tell(problems, notices)


def show_export(papers: Papers, out: Path, output: OutputFormat) -> None:
    """Write papers into one file, and say so."""
    counts = write_export(out, papers)
    data = {"file": str(out), "lines": counts, "root_fingerprint": certificate_fingerprint(papers.root)}
    lines = ", ".join(f"{count} lines of its {name}" for name, count in counts.items())
    show(data, output, lambda: f"{out} holds {lines}; check it anywhere: feddmf audit verify {out}")


def show_comparison(ours: Papers, theirs: Papers, output: OutputFormat) -> None:
    """Hold two sides against each other, and leave with an error's exit code where they differ."""
    with LiveProgress() as progress:
        found = compare(watched(ours, progress), watched(theirs, progress))
    data = {
        "party": found.party,
        "agrees": found.agrees,
        "sent": found.entries,
        "heads": found.heads,
        "problems": [problem.as_dict() for problem in found.problems],
        "differences": [difference.as_dict() for difference in found.differences],
    }
    show(data, output, lambda: _comparison_text(found))
    _tell(found.problems, ())
    if found.differences:
        raise typer.Exit(InputError.exit_code)


def _comparison_text(found: Comparison) -> str:
    if found.agrees:
        return (
            f"both sides agree: {counted(found.entries, 'thing')} that {found.party} sent, and "
            f"{counted(found.heads, 'head')} of its ledger that the coordinator was told"
        )
    if found.differences:
        return "\n".join(
            [f"the two sides differ in {counted(len(found.differences), 'place')}:"]
            + [f"- {difference.kind}: {difference.text}" for difference in found.differences]
        )
    return "the two sides were not compared to the end: one of them does not hold by itself"


def _tell(problems: Iterable[FedDMFError], notices: Iterable[str]) -> None:
    for notice in notices:
        say(f"note: {notice}")
    told = list(problems)
    for problem in told:
        say("\n".join(describe("problem", problem)))
    if told:
        raise typer.Exit(told[0].exit_code)


def _party_data(book: PartyBook) -> dict[str, Any]:
    return {
        "side": "party",
        "federation": book.owner.federation,
        "party": book.party,
        "records": book.ledger.head.length,
        "head": book.ledger.head.hash,
        "unsigned_records": book.ledger.unsigned,
        "keys": [key.as_dict() for key in book.ledger.keys],
        "releases": book.sent.get("release", 0),
        "sent": dict(book.sent),
        "countersignatures": len(book.witnessed),
        "countersigned_records": book.countersigned,
    }


def _party_rows(book: PartyBook) -> list[tuple[object, ...]]:
    ledger = book.ledger
    last = max((each.said.at for each in book.witnessed), default=None)
    return [
        ("ledger of", f"{book.party} in {book.owner.federation}"),
        ("records", ledger.head.length),
        ("of these without a signature", ledger.unsigned),
        (_signed_by(ledger), key_fingerprint(ledger.keys[-1].signatory.key) if ledger.keys else None),
        ("what left", ", ".join(counted(count, event) for event, count in book.sent.items()) or None),
        ("countersigned records", book.countersigned),
        ("last countersigned", utc(last)),
        ("head", ledger.head.hash),
    ]  # fmt: skip


def _signed_by(ledger: ChainAudit) -> str:
    return "signed by key" if len(ledger.keys) < 2 else f"signed by {len(ledger.keys)} keys, the last"  # noqa: PLR2004


def _coordinator_data(book: CoordinatorBook) -> dict[str, Any]:
    parties = sorted({receipt.party for receipt in book.receipts})
    return {
        "side": "coordinator",
        "federation": book.owner.federation,
        "about": book.about,
        "records": book.ledger.head.length,
        "head": book.ledger.head.hash,
        "keys": [key.as_dict() for key in book.ledger.keys],
        "receipts": len(book.receipts),
        "parties": parties,
    }


def _coordinator_rows(book: CoordinatorBook) -> list[tuple[object, ...]]:
    parties = sorted({receipt.party for receipt in book.receipts})
    return [
        ("ledger of", f"the coordinator of {book.owner.federation}"),
        ("about", book.about or "all parties"),
        ("records", book.ledger.head.length),
        (
            _signed_by(book.ledger),
            key_fingerprint(book.ledger.keys[-1].signatory.key) if book.ledger.keys else None,
        ),
        ("receipts", len(book.receipts)),
        ("of", ", ".join(parties) or None),
        ("head", book.ledger.head.hash),
    ]
