"""Replies on their way to disk, beside the training that they begin."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from feddmf.members.base import Reply
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.room import with_room

__all__ = ["Keeping"]


class Keeping:
    """Keeps one reply at a time on a thread; a context manager that sees the last one through.

    A node that dies before a reply is on disk asks for it again, with the same contribution: the coordinator
    answers so until the next contribution comes. So whoever sends that waits for `done` first. Where the disk
    is full there is time to make room: `limit_s`.
    """

    def __init__(self, checkpoints: Checkpoints, *, limit_s: float = 0.0) -> None:
        self._checkpoints = checkpoints
        self._limit_s = limit_s
        self._leaving = False
        self._pending: asyncio.Task[None] | None = None

    def begin(self, position: int, reply: Reply) -> None:
        """Begin to keep the reply to the exchange at `position`, where the one before it is `done`."""
        self._pending = asyncio.create_task(self._keep(position, reply))

    async def done(self) -> None:
        """Wait until all that was begun is on disk; raises LocalResourceError where the disk refused."""
        if self._pending is not None:
            # A thread cannot be stopped: what removes the folder must come after it.
            await asyncio.shield(self._pending)
            self._pending = None

    async def _keep(self, position: int, reply: Reply) -> None:
        await with_room(
            lambda: asyncio.to_thread(self._checkpoints.keep_reply, position, reply),
            limit_s=self._limit_s,
            given_up=lambda: self._leaving,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        if self._pending is not None:
            await asyncio.wait((self._pending,))
            refused = self._pending.exception()
            if refused is not None and error is None:
                raise refused
