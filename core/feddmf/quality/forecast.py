"""What audiences of any size may bring, for one item or several combined, with intervals.

Chosen and not chosen depend on the same effects, drawn once: so precision, recall and lift move together, and
whom the busiest users are held against is judged alike. Chance comes on top: a user is had or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.intervals import LEVEL, Interval
from feddmf.quality.prospects import DRAWS, Effects, Prospects, no_effects
from feddmf.quality.strata import RankedColumns, Strata
from feddmf.randomness import generator

__all__ = ["Forecast", "Outlook", "Sought"]

Floats = npt.NDArray[np.float64]

# Draws of chance for each draw of effects.
_CHANCES = 4
_NAN = float("nan")
_TINY = 1e-6
# Sizes of an attribute's own audiences that are looked at.
_STEPS = 64


@dataclass(frozen=True)
class Outlook:
    """What an audience may bring: precision, recall and lift with their intervals, and expected numbers.

    hits: of its users who have what is wanted; positives: of all users who do.
    """

    precision: Interval
    recall: Interval
    lift: Interval
    hits: float
    positives: float


@dataclass(frozen=True, eq=False)
class Sought:
    """One attribute: its key, from which draws follow, and what hidden items say; None for nothing."""

    key: str
    prospects: Prospects | None


class Forecast:
    """Audiences of one ranking of all users.

    sought: the attributes, in the order of the columns; busiest: the users by activity, busiest first,
    [users], None where that is not known; sizes: those that audiences may have, ascending, the last of them
    all users.
    """

    def __init__(
        self,
        sought: Sequence[Sought],
        ranked: RankedColumns,
        sizes: Sequence[int],
        busiest: npt.NDArray[np.integer] | None = None,
    ) -> None:
        self._sought, self._users = sought, len(ranked.found)
        self._measured = all(each.prospects is not None for each in sought)
        self._best = Strata.of(ranked, ranked.order, sizes)
        self._busy = None
        if busiest is not None:
            self._busy = Strata.of(ranked, _by_rank_within(busiest, sizes, ranked), sizes)
        columns = ranked.columns
        self._sums = [_running(column[ranked.order]) for column in columns]
        self._own = self._sums if len(sought) == 1 else [_running(np.sort(each)[::-1]) for each in columns]

    def outlook(self, size: int) -> tuple[Outlook, Outlook | None]:
        """Return what the best `size` users may bring, one of the sizes, and what the busiest would instead.

        The latter with the same effects and as many users who have it in all; None where nobody knows them.
        """
        effects = [self._effect(place, size) for place in range(len(self._sought))]
        inside, outside = self._best.hits(size, effects)
        best = self._judged(size, inside, outside, self._exact(size))
        if self._busy is None:
            return best, None
        among, _ = self._busy.hits(size, effects)
        return best, self._judged(size, among, np.maximum(inside + outside - among, 0))

    def _exact(self, size: int) -> Interval | None:
        """Return the precision that is integrated, not drawn: that of one attribute's own best users."""
        first = self._sought[0]
        if len(self._sought) > 1 or first.prospects is None:
            return None
        return first.prospects.expected_precision(self._sums[0][: size + 1, None], size / self._users)

    def _effect(self, place: int, size: int) -> Effects:
        """Return draws of one attribute's effects on the best `size` users by what is wanted."""
        sought = self._sought[place]
        if sought.prospects is None:
            return no_effects()
        mean = float(self._sums[place][size]) / size
        share = size / self._users
        if len(self._sought) > 1:
            share = _as_precise(self._own[place], mean) / self._users
        held = min(max(mean, _TINY), 1 - _TINY)
        return sought.prospects.effects(share, float(np.log(held / (1 - held))), sought.key)

    def _judged(self, size: int, inside: Floats, outside: Floats, exact: Interval | None = None) -> Outlook:
        """Return figures from how many of those chosen, and of all others, have it under each draw."""
        others = self._users - size
        hits = float(inside.mean()) if exact is None else exact.value * size
        missed = float(outside.mean())
        positives = hits + missed
        draws = generator(0, "audience", "chance", size)
        had = draws.binomial(size, np.minimum(inside / size, 1.0), (_CHANCES, DRAWS)).ravel()
        left = draws.binomial(others, np.minimum(outside / max(others, 1), 1.0), (_CHANCES, DRAWS)).ravel()
        some = had + left > 0
        recalls = had[some] / (had + left)[some]
        recall = self._interval(hits / positives if positives > 0 else _NAN, recalls)
        lifted = self._users / size
        return Outlook(
            precision=exact or self._interval(hits / size, had / size),
            recall=recall,
            lift=Interval(recall.value * lifted, recall.lower * lifted, recall.upper * lifted),
            hits=hits,
            positives=positives,
        )

    def _interval(self, value: float, drawn: Floats) -> Interval:
        """Return a figure and its interval, which holds it; ends are nan where nothing was measured."""
        if not self._measured or not len(drawn) or np.isnan(value):
            return Interval(value, _NAN, _NAN)
        tail = (1 - LEVEL) / 2
        lower, upper = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf").tolist()
        return Interval(value, min(lower, value), max(upper, value))


def _running(ranked: npt.NDArray[np.floating]) -> Floats:
    sums = np.zeros(len(ranked) + 1)
    np.cumsum(ranked, dtype=np.float64, out=sums[1:])
    return sums


def _as_precise(own: Floats, mean: float) -> int:
    """Return how many best users of an attribute have this mean probability, at most half as many too few.

    own: running sums of its probabilities, best first, [users + 1].
    """
    users = len(own) - 1
    steps = np.unique(np.geomspace(1, users, _STEPS).round().astype(np.int64))
    return int(steps[max(0, int(np.count_nonzero(own[steps] / steps >= mean)) - 1)])


def _by_rank_within(
    busiest: npt.NDArray[np.integer], sizes: Sequence[int], ranked: RankedColumns
) -> npt.NDArray[np.integer]:
    """Return the busiest users group by group, in each of them by rank, so that a few stand for all."""
    groups = np.repeat(np.arange(len(sizes), dtype=np.int64), np.diff([0, *sizes]))
    # Groups, and ranks within them, in one number that sorts fast.
    keys = np.sort((groups << 32) | ranked.ranks[busiest])
    found: npt.NDArray[np.integer] = ranked.order[keys & ((1 << 32) - 1)]
    return found
