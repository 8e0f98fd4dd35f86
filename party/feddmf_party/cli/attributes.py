"""`feddmf attributes` at a party: what it offers, and what peers offer to it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf.files import read_text
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.cli.changes import changes
from feddmf_party.cli.options import FolderOption, RunOption, call_coordinator, party_name
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import check_offer, offerable, read_offer, write_offer
from feddmf_party.offered import Unavailable
from feddmf_party.prediction import Predictor
from feddmf_party.questions import finished_run
from feddmf_party.withdrawals import check_published, take_back

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("changes")(changes)

# Keys that are told on one line.
_SHOWN = 5


@app.command("offer")
def offer(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of items to offer.")] = None,
    *,
    folder: FolderOption = Path(),
    file: Annotated[Path | None, typer.Option("--file", help="Text file with one key a line.")] = None,
    all_exclusive: Annotated[
        bool, typer.Option("--all-exclusive", help="Offer every item that nobody else sells.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Offer every item that at least one other party may lack.")
    ] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Say which of this party's items peers who lack them may learn to predict; replaces the offer file."""
    where = PartyFolder(folder)
    view = AcceptedViews(where.catalogue, party_name(where)).get().view
    chosen = list(keys or ())
    if file is not None:
        chosen += _read_keys(file)
    if all_exclusive:
        exclusive = [item.key for item in view.items if not item.peers]
        if not exclusive:
            raise InputError(
                f"each item of {view.party} is sold by somebody else too",
                hint="offer what some of them lack: feddmf attributes offer --all",
            )
        chosen += exclusive
    if all_:
        lacked = offerable(view)
        if not lacked:
            raise InputError(
                f"each item of {view.party} is sold by all with whom it shares any",
                hint="nobody can ask for them; see feddmf catalog coverage",
            )
        chosen += lacked
    if not chosen:
        raise InputError("no item is named", hint="give keys, --file, --all-exclusive or --all")
    check_offer(chosen, view, where="feddmf attributes offer" if file is None else str(file))
    write_offer(where.offer_file, chosen)
    data = {"offered": sorted(set(chosen)), "file": str(where.offer_file)}
    show(data, output, lambda: f"{len(data['offered'])} items are offered, by {where.offer_file}")
    say("their vectors are published after the next run, and nothing else is")


@app.command("list")
def list_(
    *,
    folder: FolderOption = Path(),
    run: RunOption = None,
    owner: Annotated[str | None, typer.Option(help="Only what this peer offers.")] = None,
    offers: Annotated[
        bool,
        typer.Option("--offers", help="What peers would publish after a next run; asks the coordinator."),
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows to show; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """List the attributes that peers published and that can be asked for, or with --offers would publish."""
    where = PartyFolder(folder)
    found: list[tuple[str, str, tuple[str, ...]]]
    gone: tuple[Unavailable, ...] = ()
    until: list[datetime | None] = []
    if offers:
        if run is not None:
            raise InputError(
                "--offers is about the next run, --run about a past one", hint="give one of them"
            )
        own = _own_keys(where)
        offered = call_coordinator(where, lambda c: c.offers())
        found = [(key, label, (peer,)) for peer, key, label in offered if key not in own]
        source = None
    else:
        predictor = Predictor(finished_run(folder, run))
        attributes = predictor.attributes()
        found = [(each.key, each.label, each.owners) for each in attributes]
        until = [predictor.terms.first_end(each.owners) for each in attributes]
        gone = tuple(each for each in predictor.offered.unavailable() if owner in {None, each.owner})
        source = predictor.run
    columns: tuple[str, ...] = ("key", "label", "owner")
    rows: list[tuple[str, ...]]
    rows = [(key, label, ", ".join(by)) for key, label, by in found if owner is None or owner in by]
    if owner is not None and not rows and not gone:
        others = ", ".join(sorted({peer for _, _, by in found for peer in by})) or "nobody"
        raise InputError(f"{owner} offers nothing here", hint=f"who does: {others}")
    if any(until):
        ends = ["" if end is None else f"{end:%Y-%m-%d}" for end in until]
        kept = [end for end, (_, _, by) in zip(ends, found, strict=True) if owner is None or owner in by]
        columns, rows = (*columns, "until"), [(*row, end) for row, end in zip(rows, kept, strict=True)]
    data = {
        "run": source,
        "attributes": [dict(zip(columns, row, strict=True)) for row in rows],
        "unavailable": [asdict(each) for each in gone],
    }
    title = (
        f"{len(rows)} attributes offered for a next run"
        if offers
        else f"run {source}: {len(rows)} attributes"
    )
    show(data, output, lambda: table(columns, rows[:top], title=title))
    if len(rows) > top and output is OutputFormat.TEXT:
        say(f"{len(rows) - top} more; show them with --top {len(rows)}")
    for why, some in groupby(gone, key=lambda each: each.why):
        keys = [each.key for each in some]
        shown = ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        say(f"not to be asked for: {shown}: {why}")


@app.command("withdraw")
def withdraw(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of items to take back.")] = None,
    *,
    run: Annotated[str, typer.Option(help="Run after which they were published.")],
    reason: Annotated[str, typer.Option(help="Why; peers are told.")],
    all_: Annotated[bool, typer.Option("--all", help="Take back everything of the run.")] = False,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Take back what this party published after a run: nobody can fetch it, and peers stop scoring by it."""
    where, chosen = PartyFolder(folder), tuple(dict.fromkeys(keys or ()))
    party_name(where)
    if bool(chosen) == all_:
        raise InputError("say what to take back", hint="give keys, or --all for everything of the run")
    ledger = LedgerFile(where.ledger)
    check_published(ledger, where.runs, run, chosen)
    call_coordinator(where, lambda client: take_back(client, ledger, run, chosen, reason=reason))
    data = {"run": run, "keys": list(chosen), "all": all_, "reason": reason}
    what = f"{len(chosen)} items" if chosen else "everything"
    show(data, output, lambda: f"taken back of run {run}: {what}")
    say("peers' nodes hear of it within a minute, or when they next start; what was scored before stays")
    offered = [key for key in read_offer(where.offer_file).items if all_ or key in chosen]
    if offered:
        say(
            f"{len(offered)} of them are still in {where.offer_file}, and would be published after a next run"
        )


def _own_keys(where: PartyFolder) -> frozenset[str]:
    """Return what the party sells by the catalogue that it accepted last, if any: it asks nobody for it."""
    views = AcceptedViews(where.catalogue, party_name(where))
    return frozenset(views.get().view.by_key) if views.versions() else frozenset()


def _read_keys(file: Path) -> list[str]:
    lines = read_text(file, what="the keys", hint="give a text file, one key a line").split("\n")
    return [line.strip() for line in lines if line.strip()]
