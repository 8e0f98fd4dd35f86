"""An evaluation as tables for people and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from feddmf.cli.tables import table
from feddmf_party.evaluating.measuring import COSTS, FIGURES

__all__ = ["note", "rows_csv", "tables"]

_MB = 1e6
_QUALITY = {
    "roc_auc": "ROC-AUC",
    "user_roc_auc": "by user",
    "average_precision": "AP",
    "f1_at_half": "F1 at .5",
    "f1_at_chosen": "F1 chosen",
    "f1_best": "F1 best",
}
_TRUST = {
    "brier_skill": "Brier skill",
    "top_decile_calibration_error": "error in top tenth",
    "hidden_roc_auc": "hidden ROC-AUC",
    "hidden_roc_auc_lower": "from",
    "hidden_roc_auc_upper": "to",
    "hidden_covers": "covered",
}
_RANKING = {
    "precision_at_10": "precision@10",
    "recall_at_10": "recall@10",
    "map_at_10": "MAP@10",
    "ndcg_at_10": "NDCG@10",
}


def tables(data: Mapping[str, Any], protocols: Sequence[str]) -> list[Table]:
    """Return the tables of an evaluation's `data`: quality, first ten, costs, and attributes if there are."""
    summary = data["summary"]
    title = (
        f"{data['dataset']}: {data['read']['users']:,} users, {data['read']['items']:,} items, "
        f"{data['read']['pairs']:,} pairs, dealt to {data['parties']} parties;\n"
        "scored on all cells of a party's users x what it does not sell and others do; "
        "mean over the parties"
    )
    seeds = int(data["seeds"])
    title += f", then mean±standard deviation over {seeds} seeds" if seeds > 1 else ""
    made = [
        _figures(summary, protocols, _QUALITY, title, seeds),
        _figures(summary, protocols, _RANKING, "\nin each user's first ten", seeds),
        *_trust(summary, protocols, seeds),
        _costs(summary, protocols),
    ]
    if "attributes" in summary:
        made.append(_attributes(summary["attributes"], protocols))
    return made


def note(data: Mapping[str, Any]) -> str:
    """Return what the thresholds and the rankings mean, and what one baseline cannot do."""
    als = (
        "\ncentralised_als: its library takes items that a user's party does not sell as not wanted."
        if "centralised_als" in data["summary"]
        else ""
    )
    return (
        "F1 at .5: threshold .5; of models that draw negatives it depends on how many per positive.\n"
        "F1 chosen: threshold chosen on hidden or validation items, never on test cells. "
        "F1 best: on the test cells, an oracle's.\n"
        "First ten: of all that is asked, for users with something to find; equal scores stand in item order."
        + als
    )


def rows_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV, with an empty cell where a figure has no meaning."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("protocol", "seed", *FIGURES), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value != value else value for key, value in row.items()})  # noqa: PLR0124
    return text.getvalue()


def _figures(
    summary: Mapping[str, Any], protocols: Sequence[str], headers: Mapping[str, str], title: str, seeds: int
) -> Table:
    rows = [
        (name, *(_mean_and_std(summary[name][figure], seeds) for figure in headers)) for name in protocols
    ]
    return table(("", *headers.values()), rows, title=title)


def _trust(summary: Mapping[str, Any], protocols: Sequence[str], seeds: int) -> list[Table]:
    """Return the table of what parties knew by themselves, where some of `protocols` hides items."""
    measured = [name for name in protocols if not math.isnan(summary[name]["hidden_roc_auc"]["mean"])]
    title = (
        "\nhow far probabilities hold, and what parties knew from the items that they had hidden;\n"
        "covered: how often the 90 % interval of the hidden items' ROC-AUC holds that of the test"
    )
    return [_figures(summary, measured, _TRUST, title, seeds)] if measured else []


def _mean_and_std(figure: Mapping[str, float], seeds: int) -> str | None:
    """Return "0.932±0.004", for one seed the figure alone; None where there is nothing to show."""
    if math.isnan(figure["mean"]):
        return None
    if seeds == 1:
        return f"{figure['mean']:.3f}"
    return f"{figure['mean']:.3f}±{figure['std']:.3f}"


def _costs(summary: Mapping[str, Any], protocols: Sequence[str]) -> Table:
    rows = []
    for name in protocols:
        seconds, rounds, sent = (summary[name][cost]["mean"] for cost in COSTS)
        rows.append((name, seconds, round(rounds), sent / _MB))
    columns = ("", "seconds", "rounds", "MB sent")
    return table(columns, rows, title="\nwhat it took, all parties together, mean over seeds", digits=1)


def _attributes(attributes: Mapping[str, Mapping[str, Any]], protocols: Sequence[str]) -> Table:
    rows = []
    for name, each in attributes.items():
        by_protocol = each.get("by_protocol", {protocols[0]: each})
        rows.append((name, each["reference_roc_auc"], *(by_protocol[one]["roc_auc"] for one in protocols)))
    title = (
        "\nuser attributes that one party knows, predicted for the others' users: ROC-AUC, mean over seeds;\n"
        "the reference is a logistic regression on all users' matched items"
    )
    return table(("attribute", "reference", *protocols), rows, title=title)
