"""A stream is given time by what comes, and no more."""

from __future__ import annotations

import asyncio

import pytest

from feddmf.wire.pace import SLOWEST, Pace, travel_s


def test_who_sends_nothing_is_ended_and_who_drips_too() -> None:
    """A byte buys next to nothing."""

    async def main(parts: int) -> None:
        async with Pace(0.05) as pace:
            for _ in range(parts):
                pace.took(1)
            await asyncio.sleep(60)

    for parts in (0, 100):
        with pytest.raises(TimeoutError):
            asyncio.run(main(parts))


def test_what_comes_buys_the_time_of_the_slowest_line() -> None:
    """A second for each 16 KiB, beside the time to begin with."""

    async def main() -> str:
        async with Pace(0.01) as pace:
            pace.took(60 * SLOWEST)
            await asyncio.sleep(0.05)
            return "whole"

    assert asyncio.run(main()) == "whole"
    assert travel_s(60 * SLOWEST) == 60.0
