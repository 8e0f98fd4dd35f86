"""The page on the default recipe's quality, from its rows: tables, a picture, and what was held to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.tables import Spread, markdown, spread, where

__all__ = ["draw", "section"]

_MB = 1e6
_DEFAULT = "default"
_RIVALS = {
    "transfer": ("average_precision", "roc_auc", "user_roc_auc"),
    "transfer, full rank": ("average_precision", "roc_auc"),
    "centralised DeepMF, tuned": ("average_precision", "roc_auc"),
}
_MOST_LOSS, _MOST_ERROR, _LEAST_SKILL, _LEAST_COVERED = 0.01, 0.03, 0.25, 0.8
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
            tables = ((where(of_group, data=name), name) for name in data)
            parts += [_table(found, name) for found, name in tables if found]
    parts += ["### How far probabilities hold\n", *(_trust(where(rows, data=name), name) for name in data)]
    parts += [
        "### What was held to\n",
        *(claim for name in data for claim in _claims(where(rows, data=name), name)),
    ]
    return "\n".join(parts) + "\n"


def _claims(rows: Rows, data: str) -> Iterator[str]:
    """Yield a line for each thing that the default recipe is held to, and whether it holds."""
    default = where(rows, variant=_DEFAULT)
    yield from _above(rows, default, data)
    loss = max(_number(row["f1_best"]) - _number(row["f1_at_chosen"]) for row in default)
    yield _line(
        data, "F1 at the threshold chosen at home is within .01 of the best", loss <= _MOST_LOSS, loss
    )
    error = _mean(default, "top_decile_calibration_error").mean
    yield _line(
        data, "calibration error in the top tenth of scores is at most .03", error <= _MOST_ERROR, error
    )
    skill = _mean(default, "brier_skill").mean
    yield _line(data, "Brier skill over the base rate is at least .25", skill >= _LEAST_SKILL, skill)
    covered = _mean(default, "hidden_covers").mean
    yield _line(
        data, "90 % intervals cover the true ROC-AUC 8 times in 10", covered >= _LEAST_COVERED, covered
    )


def _above(rows: Rows, default: Rows, data: str) -> Iterator[str]:
    for name, figures in _RIVALS.items():
        rival = where(rows, variant=name)
        for figure in figures if rival else ():
            ahead = _mean(default, figure).mean - _mean(rival, figure).mean
            yield _line(data, f"{_SHOWN[figure]} is above that of {name}", ahead > 0, ahead, sign="+")


def _line(data: str, claim: str, holds: bool, figure: float, *, sign: str = "") -> str:
    return f"- {data}: {claim}: {'**holds**' if holds else '**does not hold**'} ({figure:{sign}.3f})."


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
