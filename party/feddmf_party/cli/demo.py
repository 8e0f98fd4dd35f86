"""`feddmf demo`: the main job on real data, start to end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from feddmf.cli.output import FormatOption, OutputFormat, say, show, table

if TYPE_CHECKING:
    from feddmf_party.demo.main import DemoResult

__all__ = ["demo"]

_LABEL = 36
_HEADERS = {
    "roc_auc": "ROC-AUC",
    "user_roc_auc": "by user",
    "average_precision": "AP",
    "f1_at_half": "F1 at .5",
    "f1_best": "F1 best",
}


def demo(
    *,
    dataset: Annotated[str, typer.Option(help="online-retail or ml-latest-small.")] = "online-retail",
    out: Annotated[Path, typer.Option("--out", help="Folder of the demo; made anew each time.")] = Path(
        "out/demo"
    ),
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data sets are; then FEDDMF_DATA_DIR, ./data, the cache.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split into two companies.")] = 0,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Split real data into two companies and let each predict what only the other sells."""
    # The demo's own code draws and measures; nothing else needs it.
    from feddmf_party.demo.main import run_demo

    result = run_demo(dataset, out, data_dir=data_dir, seed=seed)
    if output is OutputFormat.TEXT:
        for party in result.parties:
            show({}, output, partial(_audiences, result, party))
    show(result.report, output, lambda: _quality(result))
    say(
        f"\n{out}/report.json, curves.png, quality.png; {result.report['seconds']} s in all. Ask for more:\n"
        f"  feddmf attributes list --folder {out}/north\n"
        f"  feddmf query audience --folder {out}/north --attribute {result.parties['north'].audiences[0].key}"
    )


def _audiences(result: DemoResult, party: str) -> Table:
    columns = ("key", "item that only the other sells", "first", "of", "bought", "busiest", "buyers")
    rows = [
        (each.key, each.label[:_LABEL], each.first, each.size, each.hits, each.hits_by_activity, each.holders)
        for each in result.parties[party].audiences
    ]
    title = (
        f"{party}: top customers for the other company's best sellers; how many of them bought the item,\n"
        "how many of as many busiest customers did, and how many buyers there are in all"
    )
    return table(columns, rows, title=title)


def _quality(result: DemoResult) -> Table:
    overall = result.report["overall"]
    rows = [(name, *(float(values[metric]) for metric in _HEADERS)) for name, values in overall.items()]
    title = "measured on every held-back cell (users x the other's own items), mean of both companies"
    return table(("", *_HEADERS.values()), rows, title=title)
