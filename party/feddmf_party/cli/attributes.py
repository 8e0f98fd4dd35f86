"""`feddmf attributes` at a party: what it offers, and what peers offer to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.cli.options import FolderOption, party_name
from feddmf_party.folder import PartyFolder
from feddmf_party.offer import check_offer, write_offer
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import latest_run

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("offer")
def offer(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of items to offer.")] = None,
    *,
    folder: FolderOption = Path(),
    file: Annotated[Path | None, typer.Option("--file", help="Text file with one key a line.")] = None,
    all_exclusive: Annotated[
        bool, typer.Option("--all-exclusive", help="Offer every item that nobody else sells.")
    ] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Say which of this party's own items peers may learn to predict; replaces the offer file."""
    where = PartyFolder(folder)
    view = AcceptedViews(where.catalogue, party_name(where)).get().view
    chosen = list(keys or ())
    if file is not None:
        chosen += _read_keys(file)
    if all_exclusive:
        chosen += [item.key for item in view.items if not item.peers]
    if not chosen:
        raise InputError("no item is named", hint="give keys, --file or --all-exclusive")
    check_offer(chosen, view, where="feddmf attributes offer" if file is None else str(file))
    write_offer(where.offer_file, chosen)
    data = {"offered": sorted(set(chosen)), "file": str(where.offer_file)}
    show(data, output, lambda: f"{len(data['offered'])} items are offered, by {where.offer_file}")
    say("their vectors are published after the next run, and nothing else is")


@app.command("list")
def list_(
    *,
    folder: FolderOption = Path(),
    run: Annotated[str | None, typer.Option(help="Run; the one that finished last by default.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only what this peer offers.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows to show; --format json has all.")] = 50,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """List the attributes that peers published and that can be asked for."""
    predictor = Predictor(latest_run(PartyFolder(folder).runs, run))
    found = [each for each in predictor.attributes() if owner in {None, each.owner}]
    columns = ("key", "label", "owner")
    rows = [(each.key, each.label, each.owner) for each in found]
    data = {"run": predictor.run, "attributes": [dict(zip(columns, row, strict=True)) for row in rows]}
    title = f"run {predictor.run}: {len(rows)} attributes"
    show(data, output, lambda: table(columns, rows[:top], title=title))
    if len(rows) > top and output is OutputFormat.TEXT:
        say(f"{len(rows) - top} more; show them with --top {len(rows)}")


def _read_keys(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read keys from {file}: {error}", hint="give a text file, one key a line"
        ) from error
    return [line.strip() for line in lines if line.strip()]
