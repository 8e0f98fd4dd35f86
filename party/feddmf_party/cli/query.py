"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.cli.options import FolderOption, RunOption, finished_run
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.prediction import Attribute, Block, Predictor, read_users
from feddmf_party.prediction_table import (
    prediction_columns,
    prediction_rows,
    score_column,
    write_predictions,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

OwnerOption = Annotated[
    str | None, typer.Option(help="Peer that published the attribute, where several did.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write here, .csv or .parquet, instead of showing.")
]

# More rows than this belong in a file.
_MOST_SHOWN = 1_000
# Neighbours in a ranking differ behind the third digit.
_DIGITS = 4


@app.command("predict")
def predict(
    attribute: Annotated[list[str], typer.Option("--attribute", help="Key of an attribute; repeatable.")],
    *,
    user: Annotated[
        list[str] | None, typer.Option(help="User id; repeatable.", show_default="all users")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="Text file with one user id a line.")] = None,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Score users (all of them by default) for one attribute or more."""
    _check_out(out, folder)
    predictor = Predictor(finished_run(folder, run))
    chosen = [predictor.attribute(key, owner=owner) for key in dict.fromkeys(attribute)]
    named = list(dict.fromkeys([*(user or ()), *(read_users(users) if users is not None else ())]))
    blocks = predictor.predict(chosen, named or None)
    if out is not None:
        _write(out, blocks, chosen, predictor, output)
        return
    wanted = (len(named) or predictor.users) * len(chosen)
    if wanted > _MOST_SHOWN:
        raise InputError(
            f"{wanted} rows are too many to show", hint="write them to a file with --out FILE.csv"
        )
    rows = [row for block in blocks for row in prediction_rows(block, chosen)]
    columns = prediction_columns(predictor.score_kind)
    data = {
        "run": predictor.run,
        "score_kind": predictor.score_kind,
        "predictions": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    shown = (*columns[:-1], predictor.score_kind)
    title = f"run {predictor.run}"
    show(data, output, lambda: table(shown, rows, title=title, digits=_DIGITS))


@app.command("audience")
def audience(
    attribute: Annotated[str, typer.Option("--attribute", help="Key of the attribute.")],
    *,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of users.")] = 20,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Rank the users most likely to have an attribute."""
    _check_out(out, folder)
    predictor = Predictor(finished_run(folder, run))
    chosen = predictor.attribute(attribute, owner=owner)
    block = predictor.audience(chosen, top)
    if out is not None:
        _write(out, iter([block]), [chosen], predictor, output)
        return
    rows = [
        (rank, user, score) for rank, (user, _, _, score) in enumerate(prediction_rows(block, [chosen]), 1)
    ]
    columns = ("rank", "user", score_column(predictor.score_kind))
    data = {
        "run": predictor.run,
        "score_kind": predictor.score_kind,
        "attribute": {"key": chosen.key, "label": chosen.label, "owner": chosen.owner},
        "users": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    title = f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {predictor.run}"
    shown = (*columns[:-1], predictor.score_kind)
    show(data, output, lambda: table(shown, rows, title=title, digits=_DIGITS))
    if top > predictor.users:
        say(f"this party has {predictor.users} users in all")


def _check_out(out: Path | None, folder: Path) -> None:
    """Raise InputError where `out` is a file of the party in `folder`, or of one in a folder above `out`."""
    if out is None:
        return
    # A link would be replaced and not followed: neither it nor what it points to may be the party's.
    places = (_real(out), _real(out.parent) / out.name)
    above = (PartyFolder(parent) for parent in out.absolute().parents)
    for home in (PartyFolder(folder), *(each for each in above if os.access(each.settings_file, os.F_OK))):
        own = tuple(_real(path) for path in _own_paths(home))
        if any(place.is_relative_to(path) for place in places for path in own):
            raise InputError(
                f"{out} is one of the party's own files, or in one of its own folders",
                hint="name another file with --out: predictions would be written over what is there",
            )


def _real(path: Path) -> Path:
    # Path.resolve raises where links go round in a circle.
    return Path(os.path.realpath(path))


def _own_paths(home: PartyFolder) -> Iterator[Path]:
    """Yield the files and folders of a party that no prediction may be written to."""
    yield from (home.settings_file, home.policy_file, home.offer_file, home.ledger)
    yield from (home.runs, home.catalogue, IdentityFiles(home.path).key.parent)
    # A folder that a simulation left has runs alone.
    if home.settings_file.is_file():
        settings = home.settings()
        yield settings.data.path
        if settings.attributes is not None:
            yield settings.attributes.path


def _write(
    out: Path,
    blocks: Iterator[Block],
    attributes: Sequence[Attribute],
    predictor: Predictor,
    output: OutputFormat,
) -> None:
    run, kind = predictor.run, predictor.score_kind
    written = write_predictions(out, blocks, attributes, run=run, score_kind=kind)
    data = {"run": run, "score_kind": kind, "file": str(out), "rows": written}
    show(data, output, lambda: f"{written} rows in {out}")
