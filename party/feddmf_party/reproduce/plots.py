"""Pictures of experiments: bars of contenders, curves over a variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

from feddmf.files import replacing
from feddmf_party.reproduce.tables import Spread

mpl.use("Agg")
from matplotlib import pyplot as plt

__all__ = ["COLOURS", "Curve", "Panel", "bars", "curves", "save"]

COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#787774", "#ad1a72")
_DPI = 130


@dataclass(frozen=True)
class Curve:
    """A line with a band of one standard deviation."""

    label: str
    x: Sequence[float]
    y: Sequence[Spread]


@dataclass(frozen=True)
class Panel:
    """Axes with some curves."""

    title: str
    xlabel: str
    ylabel: str
    curves: Sequence[Curve]
    logy: bool = False


def bars(
    values: Mapping[str, Mapping[str, Spread]], path: Path, *, titles: Mapping[str, str], label: str
) -> None:
    """Draw a panel a side, a bar a contender, best at the top where the first side does not say otherwise."""
    size = (12, max(3.4, 0.42 * len(values) + 1.2))
    figure, axes = plt.subplots(
        1, len(titles), figsize=size, constrained_layout=True, sharey=True, squeeze=False
    )
    names = list(values)[::-1]
    for axis, (side, title), colour in zip(axes[0], titles.items(), COLOURS, strict=False):
        means = [values[name][side].mean for name in names]
        errors = [0 if each[1] != each[1] else each[1] for each in (values[name][side] for name in names)]
        axis.barh(names, means, xerr=errors, color=colour, height=0.66, ecolor="#37352f")
        for place, (mean, error) in enumerate(zip(means, errors, strict=True)):
            known = mean == mean  # noqa: PLR0124  (nan where a model has no such cells)
            text = f" {mean:.3f}" if known else " not scored"
            axis.text(mean + error if known else 0, place, text, va="center", fontsize=8)
        axis.set(title=title, xlabel=label)
        _plain(axis)
    save(figure, path)


def curves(panels: Sequence[Panel], path: Path) -> None:
    """Draw panels, two in a row."""
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(10.5, 3.9 * rows), constrained_layout=True, squeeze=False)
    for axis, panel in zip(axes.ravel(), panels, strict=True):
        for curve, colour in zip(panel.curves, COLOURS, strict=False):
            means = [each.mean for each in curve.y]
            axis.plot(curve.x, means, color=colour, marker="o", markersize=3, label=curve.label)
            low = [each.mean - each[1] for each in curve.y]
            high = [each.mean + each[1] for each in curve.y]
            axis.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel)
        if panel.logy:
            axis.set_yscale("log")
        axis.legend(frameon=False, fontsize=8)
        _plain(axis)
    save(figure, path)


def save(figure: Any, path: Path) -> None:
    """Write the figure whole or not at all."""
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
    plt.close(figure)


def _plain(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
