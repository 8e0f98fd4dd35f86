"""Contenders against a baseline in one run: they alternate, and the median of each counts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from contextvars import ContextVar

from feddmf.progress import NOBODY, Progress, Tally
from feddmf_benchmarks.contender import Contender, Running
from feddmf_benchmarks.row import Row

__all__ = ["LOOKING_ON", "compare"]

LOOKING_ON: ContextVar[Progress] = ContextVar("LOOKING_ON", default=NOBODY)
"""Whom comparisons tell how far they are, however deep in a suite they are made."""


def compare(
    contenders: Sequence[Contender],
    *,
    unit: str,
    limit: float | None = None,
    per_second: bool = True,
    rounds: int = 5,
) -> list[Row]:
    """Return a row for each of `contenders`, of which the last one is the baseline.

    unit: of the value, e.g. "samples/s" or "s"; limit: the best value that the machine allows, in that unit;
    per_second: whether the value is work a second, or the seconds that the work takes. All contenders are
    prepared, then work in turns, `rounds` times each; ratios are those of medians. `LOOKING_ON` hears of it.
    """
    values: dict[str, list[float]] = {each.name: [] for each in contenders}
    peaks = dict.fromkeys(values, 0.0)
    first = contenders[0].name.partition(",")[0]
    tally = Tally(LOOKING_ON.get(), rounds * len(contenders), f"turns of {first}")
    with ExitStack() as stack:
        running = [stack.enter_context(Running(contender)) for contender in contenders]
        for _ in range(rounds):
            for each in running:
                amount, seconds, peaks[each.name] = each.once()
                values[each.name].append(amount / seconds if per_second else seconds)
                tally.add(1)
    medians = {name: statistics.median(found) for name, found in values.items()}
    baseline = contenders[-1].name
    rows = []
    for name, value in medians.items():
        faster = value / medians[baseline] if per_second else medians[baseline] / value
        share = None if limit is None else (value / limit if per_second else limit / value)
        versus = None if name == baseline else faster
        rows.append(Row(name, "" if versus is None else baseline, versus, value, unit, share, peaks[name]))
    return rows
