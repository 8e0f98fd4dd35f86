"""That no other process serves the same database, looked at for as long as this one does."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import DBAPIError

from feddmf.waiting import set_within
from feddmf_coordinator.store.backends import SoleServer

__all__ = ["stay_alone"]

log = logging.getLogger(__name__)

_LOOK_S = 5.0


async def stay_alone(server: SoleServer, stop: asyncio.Event) -> None:
    """Look again and again until `stop`; LocalResourceError where another process serves by now.

    A database server that is away for a while is waited for: whatever needs it says so by itself.
    """
    while not stop.is_set():
        await set_within(stop, _LOOK_S)
        try:
            await asyncio.to_thread(server.check)
        except DBAPIError as error:
            log.warning("cannot look who serves the database: %s", " ".join(str(error.orig).split()))
