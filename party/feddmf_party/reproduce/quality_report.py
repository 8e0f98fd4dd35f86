"""The page on the default recipe's quality, from its rows: tables, a picture, and what was held to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.tables import Spread, markdown, spread, where

__all__ = ["draw", "section"]

_MB = 1e6
_SHOWN = {
    "average_precision": "AP",
    "roc_auc": "ROC-AUC",
    "user_roc_auc": "by user",
    "f1_at_chosen": "F1 chosen",
    "f1_best": "F1 best",
}
_TRUST = {
    "brier_skill": "Brier skill",
    "top_decile_calibration_error": "error in top tenth",
    "hidden_roc_auc": "hidden ROC-AUC",
    "hidden_covers": "covered",
}
_GROUPS = {
    "recipes": "The recipes",
    "to beat": "What it must beat",
    "alignment": "How matched vectors come together",
    "exchanges": "How often",
    "parts": "What each part is worth",
    "sizes": "Sizes",
}


def section(rows: Rows) -> str:
    """Return the tables, one a group and data set, and how far the probabilities hold."""
    data = tuple(dict.fromkeys(row["data"] for row in rows))
    parts = [
        (
            "Each line is `feddmf evaluate --dataset DATA --protocol CONTENDER --set ...` with the settings\n"
            "named: means over two parties, then over seeds. MB are all that leaves the parties.\n"
        )
    ]
    for group, title in _GROUPS.items():
        of_group = where(rows, group=group)
        if of_group:
            parts.append(f"### {title}\n")
            parts += [_table(where(of_group, data=name), name) for name in data]
    parts += ["### How far probabilities hold\n", *(_trust(where(rows, data=name), name) for name in data)]
    return "\n".join(parts)


def draw(rows: Rows, path: Path) -> None:
    """Draw the average precision of every variant, a panel a data set."""
    from feddmf_party.reproduce.plots import bars

    data = {row["data"]: row["data"] for row in rows}
    values = {
        name: {each: _mean(where(rows, variant=name, data=each), "average_precision") for each in data}
        for name in dict.fromkeys(row["variant"] for row in rows)
    }
    bars(values, path, titles=data, label="average precision")


def _table(rows: Rows, data: str) -> str:
    head = (data, "contender", "set", *_SHOWN.values(), "exchanges", "MB")
    body = [
        (
            name,
            f"`{each[0]['contender']}`",
            f"`{each[0]['set']}`" if each[0]["set"] else "",
            *(_mean(each, figure) for figure in _SHOWN),
            f"{_mean(each, 'rounds').mean:.0f}",
            f"{_mean(each, 'bytes_sent').mean / _MB:.1f}",
        )
        for name, each in _variants(rows)
    ]
    return markdown(head, body)


def _trust(rows: Rows, data: str) -> str:
    """Return the table of variants that hide items."""
    head = (data, *_TRUST.values(), "interval's width", "threshold's loss of F1")
    body = []
    for name, each in _variants(rows):
        if math.isnan(_mean(each, "hidden_roc_auc").mean):
            continue
        width = spread(
            [_number(row["hidden_roc_auc_upper"]) - _number(row["hidden_roc_auc_lower"]) for row in each]
        )
        loss = spread([_number(row["f1_best"]) - _number(row["f1_at_chosen"]) for row in each])
        body.append((name, *(_mean(each, figure) for figure in _TRUST), width, loss))
    return markdown(head, body)


def _variants(rows: Rows) -> Iterator[tuple[str, Rows]]:
    for name in dict.fromkeys(row["variant"] for row in rows):
        yield name, where(rows, variant=name)


def _mean(rows: Rows, figure: str) -> Spread:
    values = [_number(row[figure]) for row in rows]
    return spread([value for value in values if not math.isnan(value)])


def _number(text: str) -> float:
    return float(text) if text else math.nan
