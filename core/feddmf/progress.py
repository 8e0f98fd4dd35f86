"""How far long work is: what it tells of itself, how fast it goes, and how long it still takes."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

__all__ = [
    "MEGA",
    "NOBODY",
    "HowFar",
    "Meter",
    "Point",
    "Progress",
    "Tally",
    "counted",
    "duration",
    "rate",
    "seconds_left",
]

# Of how long ago the pace still counts, and how close points of it may stand: some 120 are kept.
_WINDOW_S = 30.0
_STEP_S = 0.25
# What has gone on for less says nothing of its pace.
_LEAST_S = 0.5
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
# Times and rates from which on a coarser word is exact enough.
_COARSER = 2
_WHOLE, _TENTHS = 10.0, 0.5


class Progress(Protocol):
    """Whom long work tells how far it is."""

    def show(self, done: int, total: int | None, what: str) -> None:
        """Hear that `done` of `total` are done; with 0 as the work begins, so that its pace is known early.

        total: None where nobody knows yet; it may grow.
        what: what is counted, in the plural and with its unit, such as "cells scored" or "MB fetched";
            another one begins another stage, with a count of its own.
        Called from the thread that works; what it raises ends the work, which is how work is cancelled.
        """
        ...


class _Nobody:
    """A progress that nobody looks at."""

    def show(self, done: int, total: int | None, what: str) -> None:
        """Show nothing."""


MEGA = 1_000_000
"""Bytes to the MB."""

NOBODY: Progress = _Nobody()
"""The default of functions that tell how far they are."""


@dataclass(frozen=True)
class Point:
    """How much was done at a moment of a clock that only goes on, in seconds."""

    at: float
    done: int


@dataclass(frozen=True)
class HowFar:
    """How far work is: what is done, of what, how many a second, and in how many seconds it ends.

    total, rate, seconds_left: None as long as it cannot be known.
    """

    done: int
    total: int | None
    what: str
    rate: float | None
    seconds_left: float | None

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        if self.total is None:
            return None
        return 1.0 if self.done >= self.total else max(0.0, self.done / self.total)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**asdict(self), "share": self.share}

    def pace(self) -> str:
        """Return rate and time left in words, as far as they are known: `1,200 a second, 2 min left`."""
        told = [] if self.rate is None else [_rate_in_words(self.rate)]
        if self.seconds_left is not None and self.done != self.total:
            told.append(f"{duration(self.seconds_left)} left")
        return ", ".join(told)

    def in_words(self) -> str:
        """Return all of it on one line: `cells scored: 1,200 of 5,000, 310 a second, 12 s left`."""
        pace = self.pace()
        return f"{self.what}: {counted(self.done, self.total)}" + (f", {pace}" if pace else "")


class Tally:
    """Counts what is done, piece by piece, and tells it to a progress.

    unit: how many of them are told as one, such as `MEGA` for bytes that are told as MB.
    """

    def __init__(self, progress: Progress, total: int | None, what: str, *, unit: int = 1) -> None:
        self._progress, self._what, self._unit = progress, what, unit
        self._total = None if total is None else self._units(total)
        self._done = self._told = 0
        progress.show(0, self._total, what)

    def add(self, more: int) -> None:
        """Count so many more as done, and tell it where that makes one unit more."""
        self.reach(self._done + more)

    def reach(self, done: int) -> None:
        """Count so many as done in all."""
        self._done = done
        if (units := self._units(self._done)) != self._told:
            self._told = units
            self._progress.show(units, self._total, self._what)

    def _units(self, count: int) -> int:
        return -(-count // self._unit)


class Meter:
    """A progress that knows its pace; told by one thread, read by any.

    clock: seconds that only go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._points: list[Point] = []
        self._total: int | None = None
        self._what = ""

    def show(self, done: int, total: int | None, what: str) -> None:
        """Take in that `done` of `total` are done."""
        point = Point(self._clock(), done)
        with self._lock:
            if what != self._what or (self._points and done < self._points[-1].done):
                self._points = []
            self._total, self._what = total, what
            self._points = _kept(self._points, point)

    def look(self) -> HowFar:
        """Return how far the work is now."""
        now = self._clock()
        with self._lock:
            points, total, what = self._points, self._total, self._what
        done = points[-1].done if points else 0
        pace = rate(points, now)
        return HowFar(done, total, what, pace, seconds_left(points, total, now))


def rate(points: Sequence[Point], now: float) -> float | None:
    """Return how many are done a second, from `points` in the order of time; None before it can be known.

    What is under way counts once it has taken longer than any step before it.
    """
    if not points or points[-1].done <= points[0].done:
        return None
    late = max(0.0, now - points[-1].at - _longest_step(points))
    took = points[-1].at - points[0].at + late
    return (points[-1].done - points[0].done) / took if took >= _LEAST_S else None


def seconds_left(points: Sequence[Point], total: int | None, now: float) -> float | None:
    """Return in how many seconds `total` are done at the pace of `points`; None before it can be known."""
    if total is None or not points:
        return None
    if points[-1].done >= total:
        return 0.0
    pace = rate(points, now)
    if pace is None:
        return None
    # Of the step under way no more can be over than a step takes.
    since = min(now - points[-1].at, _longest_step(points))
    return max(0.0, (total - points[-1].done) / pace - since)


def counted(done: int, total: int | None) -> str:
    """Return a count as people read it: `1,200 of 5,000`, or what is done alone."""
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


def duration(seconds: float) -> str:
    """Return a time in words that are no more exact than anybody can know: `12 s`, `4 min`, `2 h 5 min`."""
    whole = math.ceil(seconds)
    if whole < _COARSER * _MINUTE_S:
        return f"{whole} s"
    if whole < _COARSER * _HOUR_S:
        return f"{whole // _MINUTE_S} min"
    if whole < _COARSER * _DAY_S:
        hours, rest = divmod(whole, _HOUR_S)
        return f"{hours} h {rest // _MINUTE_S} min"
    return f"{whole // _DAY_S} days"


def _kept(points: Sequence[Point], point: Point) -> list[Point]:
    """Return the points that the pace is taken from: `point`, and enough before it."""
    near = any(points[-1].at - each.at < _STEP_S for each in points[-2:-1])
    kept = [*(points[:-1] if near else points), point]
    # Slow work keeps its last steps, however long ago they were.
    first = next((place for place, each in enumerate(kept) if point.at - each.at <= _WINDOW_S), 0)
    return kept[max(0, min(first, len(kept) - 3)) :]


def _longest_step(points: Sequence[Point]) -> float:
    return max(_steps(points), default=0.0)


def _steps(points: Sequence[Point]) -> Iterable[float]:
    return (after.at - before.at for before, after in itertools.pairwise(points))


def _rate_in_words(pace: float) -> str:
    if pace >= _WHOLE:
        return f"{pace:,.0f} a second"
    if pace >= _TENTHS:
        return f"{pace:.1f} a second"
    a_minute = pace * _MINUTE_S
    return f"{a_minute:.1f} a minute" if a_minute >= _TENTHS else f"{pace * _HOUR_S:.1f} an hour"
