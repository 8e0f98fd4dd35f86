"""What a run's rounds came to, as columns over the rounds: for the command line, for pages, for programs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from feddmf.cli.progress import party_losses, run_figures
from feddmf.progress import Point, seconds_left
from feddmf.protocols.feddmf import CLOSE
from feddmf.protocols.registry import exchanges
from feddmf_coordinator.store.runs import Run

__all__ = ["Curves", "curves_of"]

# Rounds whose pace the time left is reckoned from.
_RECENT = 20

Column = tuple[float | None, ...]


@dataclass(frozen=True)
class Curves:
    """Rounds that are done, of `total`; every column has a value a round, None where there is none.

    phases, numbers: which round of which phase, from 1; figures: of the whole run, such as alignment or
    loss; losses: by party, where parties tell theirs; without: who was not counted, in a run with a quorum;
    seconds_left: for the rounds to come, at the pace of the last ones, None before it can be known.
    """

    total: int
    phases: tuple[str, ...]
    numbers: tuple[int, ...]
    seconds: tuple[float, ...]
    bytes_up: tuple[int, ...]
    bytes_down: tuple[int, ...]
    figures: Mapping[str, Column]
    losses: Mapping[str, Column]
    without: tuple[tuple[str, ...], ...]
    seconds_left: float | None

    @property
    def done(self) -> int:
        """How many rounds are done."""
        return len(self.phases)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"done": self.done, **asdict(self)}


def curves_of(run: Run, rounds: Sequence[Mapping[str, Any]]) -> Curves:
    """Return the columns of `rounds`, as the database has them, of a run."""
    figures = [run_figures(each["diagnostics"]) for each in rounds]
    losses = [_losses(each) for each in rounds]
    roster = run.plan.roster
    tellers = [party for party in roster if any(party in told for told in losses)]
    # The parties' losses stand in place of their mean.
    names = [name for name in dict.fromkeys(itertools.chain(*figures)) if name != "loss" or not tellers]
    total = exchanges(run.plan)
    seconds = tuple(float(each["seconds"]) for each in rounds)
    return Curves(
        total=total,
        phases=tuple(each["phase"] for each in rounds),
        numbers=tuple(each["number"] + 1 for each in rounds),
        seconds=seconds,
        bytes_up=tuple(each["bytes_up"] for each in rounds),
        bytes_down=tuple(each["bytes_down"] for each in rounds),
        figures={name: tuple(_finite(own.get(name)) for own in figures) for name in names},
        losses={party: tuple(_finite(told.get(party)) for told in losses) for party in tellers},
        without=tuple(_without(roster, each) for each in rounds),
        seconds_left=_left(seconds, total),
    )


def _losses(each: Mapping[str, Any]) -> dict[str, float]:
    """Return what parties told; nobody has trained before the first exchange of a training."""
    trained = each["number"] > 0 or each["phase"] == CLOSE
    return party_losses(each["diagnostics"]) if trained else {}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _without(roster: tuple[str, ...], each: Mapping[str, Any]) -> tuple[str, ...]:
    counted = each["diagnostics"].get("counted", roster)
    return tuple(party for party in roster if party not in counted)


def _left(seconds: tuple[float, ...], total: int) -> float | None:
    ends = [0.0, *itertools.accumulate(seconds)]
    points = [Point(at, done) for done, at in enumerate(ends)][-_RECENT:]
    return seconds_left(points, total, ends[-1])
