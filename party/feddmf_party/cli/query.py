"""`feddmf query`: predictions for this party's own users, computed at home from its own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf_party.cli.options import FolderOption
from feddmf_party.folder import PartyFolder
from feddmf_party.prediction import Predictor, read_users
from feddmf_party.prediction_table import PREDICTION_COLUMNS, prediction_rows, write_predictions
from feddmf_party.run_folder import latest_run

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

RunOption = Annotated[str | None, typer.Option(help="Run; the one that finished last by default.")]
OwnerOption = Annotated[
    str | None, typer.Option(help="Peer that published the attribute, where several did.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write here, .csv or .parquet, instead of showing.")
]

# More rows than this belong in a file.
_MOST_SHOWN = 1_000


@app.command("predict")
def predict(
    attribute: Annotated[list[str], typer.Option("--attribute", help="Key of an attribute; repeatable.")],
    *,
    user: Annotated[list[str] | None, typer.Option(help="User id; repeatable.")] = None,
    users: Annotated[Path | None, typer.Option(help="Text file with one user id a line.")] = None,
    out: OutOption = None,
    run: RunOption = None,
    owner: OwnerOption = None,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Score users (all of them by default) for one attribute or more."""
    predictor = Predictor(latest_run(PartyFolder(folder).runs, run))
    chosen = [predictor.attribute(key, owner=owner) for key in dict.fromkeys(attribute)]
    named = [*(user or ()), *(read_users(users) if users is not None else ())]
    wanted = (len(named) or predictor.users) * len(chosen)
    blocks = predictor.predict(chosen, named or None)
    if out is not None:
        written = write_predictions(out, blocks, chosen, run=predictor.run)
        show(
            {"run": predictor.run, "file": str(out), "rows": written},
            output,
            lambda: f"{written} rows in {out}",
        )
        return
    if wanted > _MOST_SHOWN:
        raise InputError(
            f"{wanted} rows are too many to show", hint="write them to a file with --out FILE.csv"
        )
    rows = [row for block in blocks for row in prediction_rows(block, chosen)]
    data = {
        "run": predictor.run,
        "predictions": [dict(zip(PREDICTION_COLUMNS, row, strict=True)) for row in rows],
    }
    show(data, output, lambda: table(PREDICTION_COLUMNS, rows, title=f"run {predictor.run}"))


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
    predictor = Predictor(latest_run(PartyFolder(folder).runs, run))
    chosen = predictor.attribute(attribute, owner=owner)
    block = predictor.audience(chosen, top)
    if out is not None:
        written = write_predictions(out, iter([block]), [chosen], run=predictor.run)
        show(
            {"run": predictor.run, "file": str(out), "rows": written},
            output,
            lambda: f"{written} rows in {out}",
        )
        return
    pairs = list(zip(block.users, (float(value) for value in block.probabilities[:, 0]), strict=True))
    data = {
        "run": predictor.run,
        "attribute": {"key": chosen.key, "label": chosen.label, "owner": chosen.owner},
        "users": [{"rank": rank, "user": user, "probability": p} for rank, (user, p) in enumerate(pairs, 1)],
    }
    rows = [(rank, user, probability) for rank, (user, probability) in enumerate(pairs, 1)]
    title = f"{chosen.label or chosen.key} ({chosen.key}, offered by {chosen.owner}), run {predictor.run}"
    show(data, output, lambda: table(("rank", "user", "probability"), rows, title=title))
    if top > predictor.users:
        say(f"this party has {predictor.users} users in all")
