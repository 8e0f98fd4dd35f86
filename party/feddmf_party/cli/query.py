"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.cli.options import FolderOption, RunOption, finished_run
from feddmf_party.prediction import Attribute, Block, Predictor, read_users
from feddmf_party.prediction_table import PREDICTION_COLUMNS, prediction_rows, write_predictions

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
    data = {
        "run": predictor.run,
        "score_kind": predictor.score_kind,
        "predictions": [dict(zip(PREDICTION_COLUMNS, row, strict=True)) for row in rows],
    }
    columns = (*PREDICTION_COLUMNS[:-1], predictor.score_kind)
    title = f"run {predictor.run}"
    show(data, output, lambda: table(columns, rows, title=title, digits=_DIGITS))


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
    predictor = Predictor(finished_run(folder, run))
    chosen = predictor.attribute(attribute, owner=owner)
    block = predictor.audience(chosen, top)
    if out is not None:
        _write(out, iter([block]), [chosen], predictor, output)
        return
    rows = [
        (rank, user, probability)
        for rank, (user, _, _, probability) in enumerate(prediction_rows(block, [chosen]), 1)
    ]
    columns = ("rank", "user", PREDICTION_COLUMNS[-1])
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
