"""All users of a run, ranked by the probability of what is wanted of them; and what to expect of the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from feddmf.best import ranking
from feddmf.quality import Forecast, Outlook, RankedColumns
from feddmf_party.audience_figures import Bar, Expected, Point, Preview
from feddmf_party.prediction import Column
from feddmf_party.wanted import Wanted

__all__ = ["RankedUsers"]

# Sizes that a curve has, evenly spaced in their logarithms, and how small the first of them is.
_CURVE_SIZES = 40
_FIRST_SIZE = 10
_BARS = 50


@dataclass(frozen=True, eq=False)
class RankedUsers:
    """Users by code with what is wanted of them.

    columns: scores of each attribute, in the order of the criteria's keys; busiest: all user codes by
    activity, busiest first, [users]; None where a run does not tell.
    """

    wanted: Wanted
    columns: Sequence[Column]
    busiest: npt.NDArray[np.integer] | None

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Of what is wanted, by the scores' kind, float32 [users]."""
        return self.wanted.criteria.meet([column.scores for column in self.columns])

    @cached_property
    def order(self) -> npt.NDArray[np.integer]:
        """All user codes, best first; ties by user code, [users]."""
        return ranking(self.probabilities)

    @property
    def users(self) -> int:
        """How many users there are."""
        return len(self.columns[0].scores)

    def size(self, size: int | None, above: float | None) -> int:
        """Return how many are the best `size` users, None for all, who are above a probability."""
        most = self.users if size is None else min(size, self.users)
        return most if above is None else min(most, int(np.count_nonzero(self.probabilities > above)))

    def disagreement(self, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Return how far owners of the one attribute disagree, [codes]; 0 where there is one, or several."""
        apart = self.columns[0].disagreement if self.wanted.criteria.single else None
        return np.zeros(len(codes), dtype=np.float32) if apart is None else apart[codes]

    def expect(self, size: int) -> Expected | None:
        """Return what to expect of the best `size`; None of nobody, and where nothing was measured."""
        if not size or not self.wanted.measured:
            return None
        # By the groups of a preview, so that both say the same to the last bit.
        best, _ = self._forecast(self._curve_sizes(size), None).outlook(size)
        return _expected(best)

    def preview(self, size: int, above: float | None) -> Preview:
        """Return what the best `size` users would be, and how that moves with their number.

        above: the probability that was asked for, where one was.
        """
        sizes, measured = self._curve_sizes(size), self.wanted.measured
        forecast = self._forecast(sizes, self.busiest)
        outlooks = {each: forecast.outlook(each) if measured else (None, None) for each in sizes}
        best, busiest = outlooks.get(size, (None, None))
        last = float(self.probabilities[self.order[size - 1]]) if size else None
        return Preview(
            users=self.users,
            size=size,
            above=last if above is None else above,
            expected=_expected(best),
            popularity=_expected(busiest),
            base_rate=self._base_rate(best),
            curve=tuple(self._point(each, *outlooks[each]) for each in sizes),
            histogram=tuple(self._histogram()),
        )

    def _forecast(self, sizes: Sequence[int], busiest: npt.NDArray[np.integer] | None) -> Forecast:
        columns = [column.scores for column in self.columns]
        ranked = RankedColumns(columns, self.wanted.criteria.meet, self.probabilities, self.order)
        sought = [backing.sought for backing in self.wanted.backings]
        return Forecast(sought, ranked, sizes, busiest)

    def _curve_sizes(self, size: int) -> list[int]:
        first = min(_FIRST_SIZE, max(1, self.users // 100))
        spaced = np.geomspace(first, self.users, _CURVE_SIZES).round().astype(np.int64).tolist()
        return sorted({*spaced, size} - {0})

    def _point(self, size: int, best: Outlook | None, busiest: Outlook | None) -> Point:
        return Point(
            size=size,
            probability=float(self.probabilities[self.order[size - 1]]),
            expected=_expected(best),
            popularity=None if busiest is None else busiest.precision.value,
        )

    def _base_rate(self, best: Outlook | None) -> float | None:
        if best is not None:
            return best.positives / self.users
        return float(self.probabilities.mean(dtype=np.float64)) if self.wanted.calibrated else None

    def _histogram(self) -> Iterable[Bar]:
        # Scores that are no probabilities lie on either side.
        ends = min(0.0, float(self.probabilities.min())), max(1.0, float(self.probabilities.max()))
        counts, edges = np.histogram(self.probabilities, _BARS, ends)
        bars = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        return (Bar(lower, upper, users) for lower, upper, users in bars)


def _expected(outlook: Outlook | None) -> Expected | None:
    if outlook is None:
        return None
    return Expected(outlook.precision, outlook.recall, outlook.lift, outlook.hits)
