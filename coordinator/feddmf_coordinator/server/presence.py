"""When each party of a run was last heard from in it."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Presence"]


class Presence:
    """Last sign of life by party, on a monotonic clock.

    Each run has its own: a node that was started again and knows nothing of the run is alive, but
    missing from it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._started = clock()

    def begin_anew(self) -> None:
        """Count everybody's silence from now on: until now nobody could be heard."""
        self._started = self._clock()
        self._seen.clear()

    def touch(self, party: str) -> None:
        """Note that `party` has just given a sign of life."""
        self._seen[party] = self._clock()

    def silence(self, party: str) -> float:
        """Return for how many seconds `party` has been silent (since this began, if it always was)."""
        return self._clock() - self._seen.get(party, self._started)
