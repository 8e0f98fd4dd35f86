"""`feddmf quality`: how far to trust what peers' vectors say of this party's own users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import InputError
from feddmf.quality import Figures
from feddmf_party.cli.options import FolderOption, RunOption
from feddmf_party.cli.sentences import between
from feddmf_party.cli.written import check_place
from feddmf_party.quality_report import PeerQuality, quality_of
from feddmf_party.questions import finished_run

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

_FEW_DIGITS = 2


@app.callback()
def noun() -> None:
    """Declare `quality` a noun: of a single verb typer would make the whole command."""


@app.command("report")
def report(
    *,
    peer: Annotated[str | None, typer.Option(help="Only what this peer published.")] = None,
    run: RunOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw calibration and audiences, a .png file.")
    ] = None,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Say peer by peer how good predictions were on hidden items, and whether to use them."""
    check_place(plot, folder, option="--plot")
    if plot is not None and plot.suffix.lower() != ".png":
        raise InputError(f"cannot draw {plot}", hint="name a .png file with --plot")
    kept = finished_run(folder, run)
    found = quality_of(kept, peer)
    if plot is not None:
        _draw(found, plot)
    data = {"run": kept.path.name, "peers": [each.as_dict() for each in found]}
    if output is OutputFormat.JSON:
        show(data, output, str)
        return
    for part in _parts(kept.path.name, found):
        show(data, output, lambda part=part: part)  # type: ignore[misc]
    if plot is not None:
        say(f"drawn: {plot}")


def _draw(found: tuple[PeerQuality, ...], plot: Path) -> None:
    measured = [each for each in found if each.figures is not None]
    if not measured:
        raise InputError("nothing was measured that could be drawn", hint="leave --plot out to be told why")
    try:
        # Only this option draws.
        from feddmf_party.quality_plot import draw_quality
    except ModuleNotFoundError as error:
        raise InputError(
            f"this installation lacks {error.name}, which --plot needs", hint="pip install 'feddmf[evaluate]'"
        ) from error
    draw_quality([each.figures for each in measured if each.figures is not None], plot)


def _parts(run: str, found: tuple[PeerQuality, ...]) -> Iterator[Table | str]:
    """Yield the report for people, part by part."""
    yield f"run {run}: predictions for this party's own users, by peer; 90 % intervals in brackets"
    for each in found:
        yield ""
        yield f"{each.peer}: {each.trust.verdict}"
        yield "\n".join(f"  {reason}" for reason in each.trust.reasons)
        if each.figures is not None:
            yield from _of_items(each, each.figures)
        if each.attributes:
            yield _user_attributes(each)
    if not found:
        yield "no peer has published anything"


def _of_items(quality: PeerQuality, figures: Figures) -> Iterator[Table]:
    shown = figures.reliability
    bands = [(f"all {figures.items} hidden items", figures)]
    bands += [(_band(each.fewest, each.most), each.figures) for each in quality.groups]
    rows: list[tuple[object, ...]] = [
        (
            name,
            each.items,
            between(each.roc_auc),
            between(each.average_precision),
            between(each.f1),
        )
        for name, each in bands
    ]
    if quality.without_buyers:
        rows.append(("nobody here: nothing to find", quality.without_buyers, None, None, None))
    title = (
        f"\nitems that {quality.peer} sells, measured on {figures.users} users and {figures.positives} pairs"
    )
    yield table(("", "items", "ROC-AUC", "AP", f"F1 at {figures.threshold:.3f}"), rows, title=title)
    audiences = [
        (
            f"{each.share:.1%}",
            each.users,
            between(each.precision, _FEW_DIGITS),
            between(each.recall, _FEW_DIGITS),
            between(each.lift, 1),
        )
        for each in figures.audiences
    ]
    yield table(
        ("of users", "users", "precision", "recall", "lift"),
        audiences,
        title="\nthe best-scored users of each hidden item",
    )
    title = (
        f"\ncalibration in {len(shown.cells)} parts of equal size, mean error {shown.error:.4f}; "
        f"of the top tenth {shown.top_error:.3f}; Brier skill {shown.brier_skill:.3f}"
    )
    columns = (shown.predicted, shown.observed, shown.cells, shown.top_predicted, shown.top_observed)
    parts = [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    names = ("predicted", "observed", "cells", "top tenth: predicted", "observed")
    yield table(names, parts, title=title, digits=4)


def _band(fewest: int, most: int) -> str:
    few = f"{fewest} buyer{'s' if fewest > 1 else ''}" if fewest == most else f"{fewest} to {most} buyers"
    return f"{few} here"


def _user_attributes(quality: PeerQuality) -> Table:
    rows = [
        (
            None if each.column == each.key else each.column,
            each.key,
            each.label,
            None if each.trust is None or each.trust.roc_auc is None else between(each.trust.roc_auc),
            "not told: too few users" if each.trust is None else each.trust.verdict,
        )
        for each in quality.attributes
    ]
    title = f"\nuser attributes of {quality.peer}, measured by it on its own users"
    return table(("column", "key", "label", "ROC-AUC", "verdict"), rows, title=title)
