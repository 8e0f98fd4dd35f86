"""Whose a token is: looked up in nobody's way, and telling strangers nothing of this server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from feddmf.errors import FedDMFError
from feddmf.web.problems import Problem

__all__ = ["Keys", "find_holder"]

log = logging.getLogger(__name__)


class Keys(Protocol):
    """Who holds which token, and whether they may come in now."""

    def holder(self, token: str) -> Any | None:
        """Return who holds a token, with a `name` and a `role`; None where it is nobody's, or has ended.

        May block; FedDMFError where tokens cannot be read.
        """

    def let_in(self, holder: Any) -> None:
        """Raise FedDMFError or Problem where the holder may not come in now."""

    def note_refused(self, holder: Any, error: FedDMFError) -> None:
        """Write down that a request of the holder was refused; may block."""


async def find_holder(keys: Keys, token: str) -> Any | None:
    """Return who holds a token, looked up on a thread: others are served while a disk or database is slow.

    A problem with status 500 where tokens cannot be read.
    """
    try:
        return await asyncio.to_thread(keys.holder, token)
    except FedDMFError as error:
        # Whoever asks is not known yet, and learns nothing of where tokens are kept.
        log.error("%s; to do: %s", error.message, error.hint)  # noqa: TRY400  (says all there is to say)
        unknown = FedDMFError("tokens cannot be checked", hint="see the log of this server")
        raise Problem(500, unknown) from error
