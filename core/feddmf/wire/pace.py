"""How long a stream may take: a time to begin with, and more for whatever has come."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["SLOWEST", "Pace", "travel_s"]

SLOWEST = 16_384
"""Bytes a second of the slowest line that is waited for: a quarter of 64 kB/s, which others share."""


def travel_s(nbytes: int) -> float:
    """Return the seconds that `nbytes` take on the slowest line."""
    return nbytes / SLOWEST


class Pace:
    """An async context manager that raises TimeoutError after `limit_s`, or later for what has come.

    Who sends nothing, or drips, is ended in time; who sends steadily on a slow line is not. A stream is
    bounded by its size, and so is the time that it can take.
    """

    def __init__(self, limit_s: float) -> None:
        self._timeout = asyncio.timeout(limit_s)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)

    def took(self, nbytes: int) -> None:
        """Allow for `nbytes` that have come."""
        when = self._timeout.when()
        if when is not None and not self._timeout.expired():
            self._timeout.reschedule(when + travel_s(nbytes))
