"""Waiting for an event, but no longer than so many seconds."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["set_within"]


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, or `seconds` have passed; tell whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
