"""Live progress of a run: one line that moves on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from feddmf.cli.output import say, shows_live

__all__ = ["CountProgress", "RoundProgress", "party_losses", "run_figures"]

_PLAIN_LINES = 10
# Bar, count, time and figures fit on a line of 80 characters.
_BAR = 10
_PLAIN_NAMES: Mapping[str, str] = MappingProxyType({"cosine": "alignment", "probe_cosine": "probe"})
# The loss of the alignment follows from the alignment.
_UNSHOWN = frozenset({"loss_emb"})


class RoundProgress:
    """Rounds done of `total`, their figures, bytes so far; a context manager."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._live = shows_live()
        self._bar = Progress(
            BarColumn(bar_width=_BAR),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._task = self._bar.add_task("rounds", total=total, figures="waiting for the parties")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, figures: Mapping[str, float], sent_bytes: int, *, done: int | None = None) -> None:
        """Show one more round, or that `done` rounds are over; `sent_bytes` are all bytes so far."""
        self._done = self._done + 1 if done is None else done
        told = ((name.replace("_", " "), value) for name, value in figures.items() if not math.isnan(value))
        shown = [f"{name} {_number(value)}" for name, value in told]
        text = "  ".join([*shown, f"{sent_bytes / 1e6:.1f} MB"])
        self._bar.update(self._task, completed=self._done, figures=text)
        every = max(1, self._total // _PLAIN_LINES)
        if not self._live and (self._done == self._total or self._done % every == 0):
            say(f"round {self._done}/{self._total}  {text}")


class CountProgress:
    """Things done of a total that may grow while they are; a context manager."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = 0
        self._live = shows_live()
        self._bar = Progress(
            TextColumn(what),
            BarColumn(bar_width=_BAR),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Show that `done` of `total` are."""
        self._bar.update(self._task, completed=done, total=total)
        if not self._live and (done == total or done - self._shown >= max(1, total // _PLAIN_LINES)):
            self._shown = done
            say(f"{self._what} {done}/{total}")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def run_figures(diagnostics: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a whole run's round that fit on a line, whatever the protocol, under plain names.

    Where there is no loss of the run, it is the mean of the parties' losses.
    """
    figures = {}
    losses = list(party_losses(diagnostics).values())
    if losses and "loss" not in diagnostics:
        figures["loss"] = sum(losses) / len(losses)
    for name, value in diagnostics.items():
        if name not in _UNSHOWN and isinstance(value, int | float):
            figures[_PLAIN_NAMES.get(name, name)] = value
    return figures


def party_losses(diagnostics: Mapping[str, Any]) -> dict[str, float]:
    """Return the losses that parties have told in a round, by party; who has not trained yet tells 0."""
    return {
        party: figures["loss"]
        for party, figures in diagnostics.get("parties", {}).items()
        if figures.get("loss")
    }
