"""How long the coordinator has been away for one call, and how long to pause before it is tried again."""

from __future__ import annotations

import random
import time

from feddmf_party.client.answers import Away

__all__ = ["Outage"]

_BACKOFF_S = (0.2, 5.0)
# A call that was under way for longer than this, while others were answered, had reached the coordinator.
_REACHED_S = 5.0


class Outage:
    """Counts from the first attempt that failed; begins anew where the coordinator was reached in between."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: float | None = None
        self._pause = _BACKOFF_S[0]
        self._progress = 0
        self.lasted = 0.0

    @property
    def begins(self) -> bool:
        """Whether the last attempt that failed was the first to fail."""
        return self._pause == _BACKOFF_S[0]

    def note(self, away: Away, *, began: float, heard: float, progress: int) -> bool:
        """Take in an attempt that failed; tell whether there is time for another.

        began: when the attempt began; heard: when any call was answered last; progress: bytes that have
        arrived at either end, over all attempts: they show that the other one is there.
        """
        now = time.monotonic()
        reached = heard > began and now - began > _REACHED_S
        if self._since is None or reached or progress > self._progress:
            # What was reached until now is away since now; who never answered, since we asked.
            never = away.late and progress <= self._progress
            self._since, self._pause = (began if never else now), _BACKOFF_S[0]
            self._progress = max(progress, self._progress)
        self.lasted = now - self._since
        return self.lasted + self._pause <= self._limit_s

    def pause_s(self) -> float:
        """Return how long to wait before the next attempt; the time after grows."""
        pause, self._pause = self._pause, min(self._pause * 2, _BACKOFF_S[1])
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  (jitter, no secret)
