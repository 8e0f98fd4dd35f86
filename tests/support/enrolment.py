"""A coordinator that serves enrolment for the length of a block."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from feddmf.errors import InputError
from feddmf_coordinator import enrolling
from feddmf_coordinator.server.enrolment import serve_enrolment
from feddmf_coordinator.server.identity import utc_now
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database

__all__ = ["approving", "port_is_open", "serving_enrolment", "until"]


@contextlib.asynccontextmanager
async def serving_enrolment(
    folder: CoordinatorFolder, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[None]:
    """Run the enrolment port of `folder` as the coordinator does."""
    stop = asyncio.Event()
    with Database.open(folder.database_url(folder.load())) as database:
        task = asyncio.create_task(serve_enrolment(folder, database, stop, clock=clock))
        try:
            yield
        finally:
            stop.set()
            await task


async def port_is_open(folder: CoordinatorFolder) -> bool:
    """Tell whether something accepts connections on the enrolment port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", folder.load().enrolment_port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def until(condition: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Wait until `condition()`, awaited where it is awaitable, is true; TimeoutError otherwise."""
    async with asyncio.timeout(within_s):
        while True:
            value = condition()
            if await value if asyncio.iscoroutine(value) else value:
                return
            await asyncio.sleep(0.02)


async def approving(folder: CoordinatorFolder, party: str, fingerprint: str | None = None) -> Path:
    """Approve the request of `party` as soon as it is there; return the folder's root certificate."""

    def approved() -> bool:
        try:
            enrolling.approve(folder, party, fingerprint=fingerprint, now=datetime.now(UTC))
        except InputError as error:
            if "waiting for approval" not in error.message:
                raise
            return False
        return True

    await until(lambda: asyncio.to_thread(approved))
    return folder.root_certificate
