"""The picture of the ratings experiment: errors, clients, rankings, features, cold start, next films."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from feddmf_party.ratings.results import Results
from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.plots import COLOURS, save
from feddmf_party.reproduce.tables import Spread, spread, where

__all__ = ["draw"]

_DARK = "#37352f"
_FULL = "all features"
_OF_NETWORKS = ("network", "FedAvg", "alone")


def draw(rows: Rows, path: Path) -> None:
    """Draw six panels into a PNG."""
    results = Results(rows)
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(15, 8.6), constrained_layout=True)
    panels = (_errors, _clients, _rankings, _ablation, _cold, _next)
    for axis, panel in zip(axes.ravel(), panels, strict=True):
        panel(axis, results)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    save(figure, path)


def _errors(axis: Any, results: Results) -> None:
    order = sorted(results.models("errors"), key=lambda name: -results.mean("errors", name, "mae"))
    values = [results.spread("errors", name, "mae") for name in order]
    colours = [COLOURS[1] if name in _OF_NETWORKS else COLOURS[0] for name in order]
    _dots(axis, order, values, colours)
    axis.set(title="Rating error, lower is better\n(orange: the network)", xlabel="test MAE")


def _clients(axis: Any, results: Results) -> None:
    first = results.seeds()[0]
    rows = where(results.rows, part="clients", seed=first, metric="mae")
    named = {"alone": "alone, never averaged", "own": "own, before averaging", "FedAvg": "averaged"}
    for (model, label), colour, marker in zip(
        named.items(), COLOURS[2:0:-1] + COLOURS[:1], "s^o", strict=True
    ):
        values = [float(row["value"]) for row in where(rows, model=model)]
        axis.plot(range(1, len(values) + 1), values, marker, color=colour, label=label, markersize=6)
    axis.set(title=f"Clients on their own test ratings, seed {first}", xlabel="client", ylabel="test MAE")
    axis.set_xticks(range(1, len(where(rows, model="own")) + 1))
    axis.legend(frameon=False, fontsize=8)
    axis.grid(axis="y", alpha=0.25)


def _rankings(axis: Any, results: Results) -> None:
    names = results.models("ranking", "unseen")
    for place, (scope, label) in enumerate(
        (("unseen", "all unseen films"), ("rated", "rated test films alone"))
    ):
        values = [results.spread("ranking", name, "ndcg_at_10", scope) for name in names]
        _grouped(axis, values, place, 2, label, fmt="%.2f")
    axis.axhline(0.87, color=COLOURS[4], linestyle="--", linewidth=1)
    axis.text(len(names) - 0.5, 0.875, "slides", ha="right", va="bottom", fontsize=8, color=COLOURS[4])
    axis.set_xticks(range(len(names)), names, rotation=25, ha="right")
    axis.set(title="Ranking, by candidates", ylabel="NDCG@10", ylim=(0, 1.12))
    axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")


def _ablation(axis: Any, results: Results) -> None:
    base = results.by_seed("ablation", _FULL, "mae", "network")
    names = [name for name in results.models("ablation", "network") if name != _FULL][::-1]
    changes = []
    for name in names:
        values = results.by_seed("ablation", name, "mae", "network")
        changes.append(spread([value - start for value, start in zip(values, base, strict=True)]))
    _changes(axis, [name.replace(" (", "\n(") for name in names], changes)
    axis.axvline(0, color=_DARK, linewidth=0.8)
    axis.margins(x=0.2)
    axis.set(title="What the network loses without ...", xlabel="change of test MAE")


def _cold(axis: Any, results: Results) -> None:
    names, values, colours = [], [], []
    for scope in ("films", "users"):
        for name in results.models("cold", scope)[::-1]:
            names.append(f"new {scope}: {name}")
            values.append(results.spread("cold", name, "mae", scope))
            colours.append(COLOURS[1] if name == "network" else COLOURS[0])
    _dots(axis, names, values, colours)
    axis.set(title="Cold start, lower is better\n(orange: the network by features)", xlabel="test MAE")


def _next(axis: Any, results: Results) -> None:
    names = results.models("next", "unseen")
    for place, (metric, label) in enumerate((("recall_at_10", "hit rate at 10"), ("ndcg_at_10", "NDCG@10"))):
        values = [results.spread("next", name, metric, "unseen") for name in names]
        _grouped(axis, values, place, 2, label, fmt="%.3f")
    axis.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
    axis.set(title="The next film among all unseen", ylabel="score")
    axis.margins(y=0.15)
    axis.legend(frameon=False, fontsize=8, loc="upper left")


def _dots(axis: Any, names: list[str], values: list[Spread], colours: list[str]) -> None:
    """Draw points, as bars from anywhere but 0 would exaggerate the differences."""
    for place, (value, deviation, colour) in enumerate(
        zip(values, _deviations(values), colours, strict=True)
    ):
        axis.errorbar(value.mean, place, xerr=deviation, fmt="o", color=colour, ecolor=_DARK, capsize=2)
        said, at = f"{value.mean:.3f}", (value.mean, place)
        axis.annotate(said, at, (0, 5), textcoords="offset points", fontsize=8, ha="center")
    axis.set_yticks(range(len(names)), names)
    axis.margins(x=0.1, y=0.08)
    axis.grid(alpha=0.25)


def _changes(axis: Any, names: list[str], values: list[Spread]) -> None:
    bars = axis.barh(
        names,
        [each.mean for each in values],
        xerr=_deviations(values),
        color=COLOURS[3],
        height=0.68,
        ecolor=_DARK,
    )
    axis.bar_label(bars, fmt="%+.3f", fontsize=8, padding=3)
    axis.grid(axis="x", alpha=0.25)


def _grouped(axis: Any, values: list[Spread], place: int, of: int, label: str, *, fmt: str) -> None:
    width = 0.8 / of
    at = [number + (place - (of - 1) / 2) * width for number in range(len(values))]
    bars = axis.bar(
        at,
        [each.mean for each in values],
        width,
        yerr=_deviations(values),
        color=COLOURS[place],
        ecolor=_DARK,
        label=label,
    )
    axis.bar_label(bars, fmt=fmt, fontsize=7, padding=2)
    axis.grid(axis="y", alpha=0.25)


def _deviations(values: list[Spread]) -> list[float]:
    """Return the standard deviations, 0 where one seed has none."""
    return [0.0 if math.isnan(each[1]) else each[1] for each in values]
