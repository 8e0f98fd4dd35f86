"""The demo's pictures: how the run went, and how good its predictions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from feddmf.files import replacing

mpl.use("Agg")
from matplotlib import pyplot as plt

__all__ = ["plot_curves", "plot_quality"]

_COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#787774")
_DPI = 130


def plot_curves(rounds: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw training loss by party, alignment and probe cosine, and bytes, by round."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.8), constrained_layout=True)
    numbers = range(1, len(rounds) + 1)
    diagnostics = [each["diagnostics"] for each in rounds]
    for colour, party in zip(_COLOURS, diagnostics[0]["parties"], strict=False):
        # Nobody has trained before the first exchange.
        losses = [each["parties"][party]["loss"] for each in diagnostics][1:]
        left.plot(list(numbers)[1:], losses, color=colour, label=party)
    left.set(title="Training loss (MSE)", xlabel="round", ylabel="loss of the last steps")
    left.legend(frameon=False)
    middle.plot(numbers, [each["cosine"] for each in diagnostics], color=_COLOURS[0], label="aligned items")
    if diagnostics[0]["probe_cosine"] is not None:
        probes = [each["probe_cosine"] for each in diagnostics]
        middle.plot(numbers, probes, color=_COLOURS[1], label="probe items (never aligned)")
    middle.set(
        title="Alignment between the parties", xlabel="round", ylabel="mean cosine", ylim=(-0.05, 1.05)
    )
    middle.legend(frameon=False, loc="center right")
    total, sent = 0, []
    for each in rounds:
        total += each["bytes_up"]
        sent.append(total / 1e6)
    right.plot(numbers, sent, color=_COLOURS[2])
    right.set(title="Item vectors that left the parties", xlabel="round", ylabel="MB so far", ylim=(0, None))
    _save(figure, (left, middle, right), path)


def plot_quality(overall: Mapping[str, Mapping[str, float]], path: Path, *, title: str) -> None:
    """Draw each metric as one group of bars, one bar a scorer."""
    metrics = list(next(iter(overall.values())))
    figure, axes = plt.subplots(figsize=(10, 4.2), constrained_layout=True)
    width = 0.8 / len(overall)
    for index, (name, values) in enumerate(overall.items()):
        at = [position + (index - (len(overall) - 1) / 2) * width for position in range(len(metrics))]
        bars = axes.bar(at, [values[metric] for metric in metrics], width, color=_COLOURS[index], label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    axes.set_xticks(range(len(metrics)), metrics)
    axes.set(title=title, ylabel="score", ylim=(0, 1.08))
    axes.legend(frameon=False, ncols=len(overall), loc="upper center", bbox_to_anchor=(0.5, -0.08))
    _save(figure, (axes,), path)


def _save(figure: Any, axes: Sequence[Any], path: Path) -> None:
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(axis="y", alpha=0.25)
        each.set_axisbelow(True)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=_DPI, format="png")
    plt.close(figure)
