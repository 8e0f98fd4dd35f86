"""Waits for an event are bounded, and can be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from feddmf.waiting import set_within


def test_an_event_that_is_set_is_not_waited_for() -> None:
    """Whatever the bound, even none."""

    async def main() -> list[bool]:
        event = asyncio.Event()
        event.set()
        return [await set_within(event, seconds) for seconds in (60.0, 0.0, -1.0)]

    assert asyncio.run(main()) == [True, True, True]


def test_an_event_that_is_set_meanwhile_ends_the_wait() -> None:
    """Long before the bound."""

    async def main() -> bool:
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon(event.set)
        return await set_within(event, 60.0)

    assert asyncio.run(main())


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0])
def test_an_event_that_is_not_set_is_waited_for_no_longer(seconds: float) -> None:
    """The bound is no error."""

    async def main() -> bool:
        return await set_within(asyncio.Event(), seconds)

    assert not asyncio.run(main())


def test_a_wait_within_a_bounded_one_ends_with_that() -> None:
    """The outer bound is the outer one's to raise."""

    async def main() -> None:
        async with asyncio.timeout(0.01):
            await set_within(asyncio.Event(), 60.0)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
