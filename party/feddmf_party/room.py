"""A disk that is full for a while: what it refused is tried again, so that the run waits and is not lost."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from feddmf.errors import LocalResourceError
from feddmf.insisting import AGAIN_S, insist

__all__ = ["with_room"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")


async def with_room(
    work: Callable[[], Awaitable[Result]],
    *,
    limit_s: float,
    given_up: Callable[[], bool] = lambda: False,
    again_s: float = AGAIN_S,
) -> Result:
    """Do `work`, which may be done twice; where the disk refuses, say so and do it again every `again_s`.

    Raises what it raised last once `limit_s` have passed, or once nobody waits for it any more: `given_up`.
    """

    def refused(error: LocalResourceError) -> None:
        log.warning("%s; %s; trying again for %g s", error.message, error.hint, limit_s)

    return await insist(work, limit_s=limit_s, refused=refused, given_up=given_up, again_s=again_s)
