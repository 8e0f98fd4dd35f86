"""The demo's pictures: how the run went, and how good its predictions are."""

from __future__ import annotations

import itertools
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
_TRAININGS = {"pilot": "with hidden items", "align": "with all items"}


def plot_curves(rounds: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw training loss by party, alignment and probe cosine, and bytes, by round of all phases.

    Trainings are drawn one by one: the second starts afresh.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.8), constrained_layout=True)
    for phase, training in _trainings(rounds).items():
        # Nobody has trained before the first exchange.
        numbers, diagnostics = list(training)[1:], list(training.values())[1:]
        first = phase == next(iter(_trainings(rounds)))
        for colour, party in zip(_COLOURS, diagnostics[0]["parties"], strict=False):
            losses = [each["parties"][party]["loss"] for each in diagnostics]
            left.plot(numbers, losses, color=colour, label=party if first else None)
        _plot_cosines(middle, numbers, diagnostics, labelled=first)
        for axes in (left, middle):
            axes.annotate(
                _TRAININGS.get(phase, phase),
                (numbers[0], 0),
                (3, 5),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=7,
                color=_COLOURS[-1],
            )
    left.set(title="Training loss", xlabel="round", ylabel="loss of the last steps")
    left.legend(frameon=False, loc="upper right")
    middle.set(
        title="Alignment between the parties", xlabel="round", ylabel="mean cosine", ylim=(-0.05, 1.05)
    )
    middle.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.05))
    sent = list(itertools.accumulate(each["bytes_up"] / 1e6 for each in rounds))
    right.plot(range(1, len(rounds) + 1), sent, color=_COLOURS[2])
    right.set(title="Item vectors that left the parties", xlabel="round", ylabel="MB so far", ylim=(0, None))
    _save(figure, (left, middle, right), path)


def _trainings(rounds: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, Mapping[str, Any]]]:
    """Return for each training round -> diagnostics; the last upload belongs to the last training."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for number, each in enumerate(rounds, 1):
        if "parties" not in each["diagnostics"]:
            continue
        training = list(found)[-1] if each["phase"] == "close" and found else each["phase"]
        found.setdefault(training, {})[number] = each["diagnostics"]
    return found


def _plot_cosines(
    axes: Any, numbers: Sequence[int], diagnostics: Sequence[Mapping[str, Any]], *, labelled: bool
) -> None:
    """Draw the mean cosine of aligned items, and of probe items where there are any."""
    names = {"cosine": "aligned items", "probe_cosine": "probe items (never aligned)"}
    for colour, (name, label) in zip(_COLOURS, names.items(), strict=False):
        if diagnostics[0][name] is not None:
            values = [each[name] for each in diagnostics]
            axes.plot(numbers, values, color=colour, label=label if labelled else None)


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
