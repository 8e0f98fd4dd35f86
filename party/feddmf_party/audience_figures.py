"""Figures of an audience for people and programs: what to expect of it, and how that moves with its size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from feddmf.quality import Interval

__all__ = ["Bar", "Expected", "Point", "Preview", "interval_as_dict"]


@dataclass(frozen=True)
class Expected:
    """What to expect of an audience, each figure with a 90 % prediction interval.

    precision: the share of it that has what is wanted; recall: the share of all users who have it that is in
    it; lift: precision over the share of all users who have it; hits: how many of its users have it. Ends are
    nan where nothing at home speaks for them.
    """

    precision: Interval
    recall: Interval
    lift: Interval
    hits: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "precision": interval_as_dict(self.precision),
            "recall": interval_as_dict(self.recall),
            "lift": interval_as_dict(self.lift),
            "hits": self.hits,
        }


@dataclass(frozen=True)
class Point:
    """One size that an audience could have: the probability at its cut, and what to expect of it.

    probability: of the last user in it; expected: None where nothing was measured; popularity: the precision
    of as many of the busiest users, None where that is not known.
    """

    size: int
    probability: float
    expected: Expected | None
    popularity: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        expected = None if self.expected is None else self.expected.as_dict()
        return {
            "size": self.size,
            "probability": self.probability,
            "expected": expected,
            "popularity": self.popularity,
        }


@dataclass(frozen=True)
class Bar:
    """How many users have a probability from `lower` up to `upper`."""

    lower: float
    upper: float
    users: int


@dataclass(frozen=True)
class Preview:
    """An audience before anybody is named.

    users: of the run; size: of the audience; above: the probability at its cut, that of its last user, or
    what was asked for; expected, popularity: of it, and of as many of the busiest users by the same
    probabilities and effects, None where nothing was measured; base_rate: the share of all users who have
    what is wanted, None where scores were not held against what came true; curve: sizes that it could have,
    its own among them, ascending; histogram: of all users' probabilities.
    """

    users: int
    size: int
    above: float | None
    expected: Expected | None
    popularity: Expected | None
    base_rate: float | None
    curve: tuple[Point, ...]
    histogram: tuple[Bar, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "users": self.users,
            "size": self.size,
            "above": self.above,
            "expected": None if self.expected is None else self.expected.as_dict(),
            "popularity": None if self.popularity is None else self.popularity.as_dict(),
            "base_rate": self.base_rate,
            "curve": [point.as_dict() for point in self.curve],
            "histogram": [asdict(bar) for bar in self.histogram],
        }


def interval_as_dict(interval: Interval) -> dict[str, float]:
    """Return a figure and the ends of its interval for programs."""
    return {"value": interval.value, "lower": interval.lower, "upper": interval.upper}
