"""That nobody who leaves waits long for a thread: one that asks a database may hang as long as that does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["closed_within", "leave_at"]

# Whatever is healthy has ended by then.
_PATIENCE_S = 1.0


async def leave_at(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Await `work`, at `stop` for a moment longer; then it is cancelled, and its thread left behind."""
    stopping = asyncio.create_task(stop.wait())
    working = asyncio.create_task(work)
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait((working,), timeout=_PATIENCE_S)
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait((working, stopping))
    if not working.cancelled():
        working.result()


async def closed_within(seconds: float, work: asyncio.Task[None]) -> bool:
    """Await `work` for `seconds`, then the loop's threads for a moment; return whether all have ended.

    Raises what `work` does. What has not ended is left as it is: asyncio's own end would wait for it.
    """
    await asyncio.wait((work,), timeout=seconds)
    if not work.done():
        return False
    work.result()
    # Cancelled, it would still join them.
    threads = asyncio.create_task(asyncio.get_running_loop().shutdown_default_executor())
    await asyncio.wait((threads,), timeout=_PATIENCE_S)
    return threads.done()
