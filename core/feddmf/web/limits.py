"""How often somebody may come: a bucket of requests that fills again by the second."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from feddmf.errors import TimedOut
from feddmf.web.problems import Problem

__all__ = ["RateLimit", "check_pace"]

_MINUTE_S = 60.0
# Who came last of so many is remembered; whoever is forgotten begins with a full bucket.
_MOST_REMEMBERED = 4_096


class RateLimit:
    """Requests a minute, by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # name -> (requests left, when they were counted)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str, per_minute: int) -> float:
        """Count a request of `name`; return 0 where it is within `per_minute`, else seconds until one is."""
        now = self._clock()
        left, then = self._left.pop(name, (float(per_minute), now))
        left = min(float(per_minute), left + (now - then) * per_minute / _MINUTE_S)
        wait = 0.0 if left >= 1 else (1 - left) * _MINUTE_S / per_minute
        self._left[name] = (left if wait else left - 1, now)
        if len(self._left) > _MOST_REMEMBERED:
            self._left.popitem(last=False)
        return wait

    def give_back(self, name: str) -> None:
        """Count the last request of `name` no more."""
        if name in self._left:
            left, then = self._left[name]
            self._left[name] = (left + 1, then)


def check_pace(limit: RateLimit, name: str, per_minute: int) -> None:
    """Count a request of `name`; a problem with status 429 where it comes too soon."""
    wait = limit.wait_s(name, per_minute)
    if wait:
        error = TimedOut(f"more than {per_minute} requests in a minute", hint="ask again in a while")
        raise Problem(429, error, {"Retry-After": str(math.ceil(wait))})
