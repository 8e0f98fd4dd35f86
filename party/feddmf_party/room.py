"""A disk that is full for a while: what it refused is tried again, so that the run waits and is not lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from feddmf.errors import LocalResourceError

__all__ = ["with_room"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_AGAIN_S = 1.0


async def with_room(
    work: Callable[[], Awaitable[Result]],
    *,
    limit_s: float,
    given_up: Callable[[], bool] = lambda: False,
    again_s: float = _AGAIN_S,
) -> Result:
    """Do `work`, which may be done twice; where the disk refuses, say so and do it again every `again_s`.

    Raises what it raised last once `limit_s` have passed, or once nobody waits for it any more: `given_up`.
    """
    began = time.monotonic()
    while True:
        try:
            return await work()
        except LocalResourceError as error:
            if given_up() or time.monotonic() - began > limit_s:
                raise
            log.warning("%s; %s; trying again for %g s", error.message, error.hint, limit_s)
        await asyncio.sleep(again_s)
