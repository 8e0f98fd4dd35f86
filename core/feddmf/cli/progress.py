"""Progress on stderr: one line that moves on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from feddmf.cli.output import say, shows_live
from feddmf.progress import HowFar, Meter, counted, duration

__all__ = ["LiveProgress", "RoundProgress", "party_losses", "run_figures"]

_PLAIN_LINES = 10
# Bar, count, pace and figures fit on a line of 80 characters.
_BAR = 10
# What is over sooner leaves no line on a terminal, and has none elsewhere.
_WORTH_S = 2.0
_FIRST_PLAIN_S = 5.0
_PLAIN_NAMES: Mapping[str, str] = MappingProxyType({"cosine": "alignment", "probe_cosine": "probe"})
# The loss of the alignment follows from the alignment.
_UNSHOWN = frozenset({"loss_emb"})


class LiveProgress:
    """Whom a command's long work tells how far it is; a context manager.

    On a terminal it is a line that moves, and stays where the work was worth it. Elsewhere the first line
    comes after some seconds, the next ones after twice as many each time, and short work has none.
    clock: seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._meter = clock, Meter(clock)
        self._live = shows_live()
        self._bar = _bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR),
            _Words(self._counted),
            TextColumn("{task.fields[detail]}"),
            live=self._live,
        )
        self._task = self._bar.add_task("", total=None, detail="")
        self._began = clock()
        self._ended: float | None = None
        self._due, self._is_told = _FIRST_PLAIN_S, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the line stand as it is, or wipe it away; whatever is shown afterwards begins another one."""
        took, far = self._took(), self._meter.look()
        self._bar.update(self._task, detail="")
        self._bar.live.transient = took < _WORTH_S
        self._bar.stop()
        if self._is_told and far.done == far.total:
            self._is_told = False
            say(f"{far.what}: {counted(far.done, far.total)}, in {duration(took)}")

    def show(self, done: int, total: int | None, what: str) -> None:
        """Show that `done` of `total` are; see `feddmf.progress.Progress`."""
        self._meter.show(done, total, what)
        self._ended = self._clock() if done == total else None
        if self._live:
            self._bar.update(self._task, completed=done, total=total, description=what)
            self._bar.start()
            return
        took = self._clock() - self._began
        if took >= self._due and done not in {0, total}:
            self._due = 2 * took
            self._is_told = True
            say(self._meter.look().in_words())

    def detail(self, text: str) -> None:
        """Show what is being done just now, where the line moves."""
        self._bar.update(self._task, detail=text)

    def _took(self) -> float:
        """Return for how long the work has gone on, or went on until all was done."""
        return (self._clock() if self._ended is None else self._ended) - self._began

    def _counted(self) -> str:
        far, took = self._meter.look(), self._took()
        if far.done == far.total:
            rest = f"in {duration(took)}"
        else:
            # That time passes is seen even where nothing can be said of the pace.
            rest = far.pace() or (f"for {duration(took)}" if took >= _WORTH_S else "")
        return "  ".join(part for part in (counted(far.done, far.total), rest) if part)


class RoundProgress:
    """Rounds done of `total`, their figures, bytes so far; a context manager.

    waits: whether the line is shown before the first round.
    """

    def __init__(self, total: int, *, waits: bool = True) -> None:
        self._total, self._waits = total, waits
        self._done = 0
        self._meter = Meter()
        self._live = shows_live()
        self._bar = _bar(
            BarColumn(bar_width=_BAR),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Words(lambda: _left(self._meter.look())),
            TextColumn("{task.fields[figures]}"),
            live=self._live,
        )
        self._task = self._bar.add_task("rounds", total=total, figures="waiting for the parties")

    def __enter__(self) -> Self:
        if self._waits:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(
        self, figures: Mapping[str, float], sent_bytes: int, *, done: int | None = None, is_past: bool = False
    ) -> None:
        """Show one more round, or that `done` rounds are over; `sent_bytes` are all bytes so far.

        is_past: it was over before anybody looked, and tells nothing of the pace.
        """
        self._done = self._done + 1 if done is None else done
        if is_past:
            self._meter = Meter()
        self._meter.show(self._done, self._total, "rounds")
        told = ((name.replace("_", " "), value) for name, value in figures.items() if not math.isnan(value))
        shown = [f"{name} {_number(value)}" for name, value in told]
        text = "  ".join([*shown, f"{sent_bytes / 1e6:.1f} MB"])
        self._bar.update(self._task, completed=self._done, figures=text)
        self._bar.start()
        every = max(1, self._total // _PLAIN_LINES)
        if not self._live and (self._done == self._total or self._done % every == 0):
            left = _left(self._meter.look())
            say(f"round {self._done}/{self._total}  {text}" + (f"  {left}" if left else ""))


class _Words(ProgressColumn):
    """A column of words that are made anew each time they are drawn."""

    def __init__(self, words: Callable[[], str]) -> None:
        super().__init__()
        self._words = words

    def render(self, task: Task) -> Text:  # noqa: ARG002  (what rich passes)
        """Return the words as they are now."""
        return Text(self._words(), no_wrap=True)


def _bar(*columns: ProgressColumn, live: bool) -> Bar:
    # Answers on stdout are data, whatever moves on stderr.
    return Bar(*columns, console=Console(stderr=True), disable=not live, redirect_stdout=False)


def _left(far: HowFar) -> str:
    """Return the time left in words; nothing where it is not known, or nothing is left."""
    return f"{duration(far.seconds_left)} left" if far.seconds_left and far.done != far.total else ""


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
