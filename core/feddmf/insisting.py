"""What a disk refused is tried again, in the hope that somebody makes room meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from feddmf.errors import LocalResourceError

__all__ = ["AGAIN_S", "insist"]

Result = TypeVar("Result")

AGAIN_S = 1.0
"""After how long it is tried again."""


async def insist(
    work: Callable[[], Awaitable[Result]],
    *,
    limit_s: float,
    refused: Callable[[LocalResourceError], object],
    given_up: Callable[[], bool] = lambda: False,
    again_s: float = AGAIN_S,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Do `work`, which may be done twice; where the disk refuses, tell `refused`, and do it again later.

    Raises what it raised last once `limit_s` have passed, or once nobody waits for it any more: `given_up`.
    """
    began = clock()
    while True:
        try:
            return await work()
        except LocalResourceError as error:
            if given_up() or clock() - began > limit_s:
                raise
            refused(error)
        await asyncio.sleep(again_s)
