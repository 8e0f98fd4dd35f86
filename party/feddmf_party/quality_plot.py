"""The picture of a quality report: a reliability diagram and precision by audience size, a row a peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from feddmf.files import replacing
from feddmf.quality import Figures

mpl.use("Agg")
from matplotlib import pyplot as plt

__all__ = ["draw_quality"]

_ALL, _TOP, _QUIET = "#0b6e99", "#d9730d", "#787774"
_DPI = 130


def draw_quality(peers: Sequence[Figures], path: Path) -> None:
    """Draw what was measured of each peer into a PNG; LocalResourceError where the disk refuses."""
    size = (10, 4.2 * len(peers))
    figure, axes = plt.subplots(len(peers), 2, figsize=size, squeeze=False, constrained_layout=True)
    for (left, right), figures in zip(axes, peers, strict=True):
        _reliability(left, figures)
        _audiences(right, figures)
        for axis in (left, right):
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.25)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
    plt.close(figure)


def _reliability(axis: Any, figures: Figures) -> None:
    shown = figures.reliability
    axis.plot([0, 1], [0, 1], "--", color=_QUIET, linewidth=1, label="as predicted")
    axis.plot(shown.predicted, shown.observed, "o-", color=_ALL, markersize=4, label="all cells")
    axis.plot(shown.top_predicted, shown.top_observed, "s-", color=_TOP, markersize=4, label="top tenth")
    end = 1.05 * max(0.01, *shown.top_predicted.tolist(), *shown.top_observed.tolist())
    axis.set(xlim=(0, end), ylim=(0, end), xlabel="predicted probability", ylabel="share that has the item")
    axis.set_title(f"{figures.peer}: calibration, Brier skill {shown.brier_skill:.2f}", fontsize=10)
    axis.legend(frameon=False, fontsize=8)


def _audiences(axis: Any, figures: Figures) -> None:
    shares = [100 * each.share for each in figures.audiences]
    for name, colour in (("precision", _ALL), ("recall", _TOP)):
        found = [getattr(each, name) for each in figures.audiences]
        axis.plot(shares, [each.value for each in found], "o-", color=colour, markersize=4, label=name)
        ends = ([each.lower for each in found], [each.upper for each in found])
        axis.fill_between(shares, *ends, color=colour, alpha=0.18, linewidth=0)
    axis.axhline(figures.base_rate, linestyle="--", color=_QUIET, linewidth=1, label="chance")
    axis.set(xlabel="best-scored users, % of all", ylabel="mean over hidden items", ylim=(0, None))
    axis.set_title(f"{figures.peer}: audiences on {figures.items} hidden items", fontsize=10)
    axis.legend(frameon=False, fontsize=8)
