"""When each party was last heard from; any admitted call is a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Presence"]


class Presence:
    """Last sign of life by party, on a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._started = clock()

    def touch(self, party: str) -> None:
        """Note that `party` has just called."""
        self._seen[party] = self._clock()

    def silence(self, party: str) -> float:
        """Return for how many seconds `party` has been silent (since the server started, if ever since)."""
        return self._clock() - self._seen.get(party, self._started)
