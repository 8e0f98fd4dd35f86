"""The node's signs of life, and what the coordinator said to the last of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from feddmf.waiting import set_within
from feddmf.wire import federation_pb2 as pb
from feddmf_party.client.federation import FederationClient

__all__ = ["Pulse"]

# Beats within the time after which a run counts a silent party as missing.
_BEATS_WITHIN_ABSENT = 4


class Pulse:
    """Beats in the background; the last answer, and which run it was about."""

    def __init__(self, every_s: float) -> None:
        self._every_s = self._usually_s = every_s
        self._run = ""
        self._about = ""
        self._reply = pb.BeatReply()
        self._came = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def waiting_run(self) -> str:
        """The run that waits for this party's answer; empty without one."""
        return str(self._reply.waiting_run)

    @property
    def begun(self) -> bool:
        """Whether everybody has joined the run that this party is in."""
        return self._state in {pb.RUNNING, pb.PUBLISHING, pb.FINISHED}

    @property
    def finished(self) -> bool:
        """Whether the run that this party is in has finished."""
        return self._state == pb.FINISHED

    @property
    def failure(self) -> str | None:
        """Why the run that this party is in has ended; None while it goes on or where it finished."""
        ended = self._state in {pb.FAILED, pb.STOPPED}
        return (str(self._reply.reason) or "the coordinator ended it") if ended else None

    @contextmanager
    def within(self, run: str, absent_s: float) -> Iterator[None]:
        """Ask about `run` for the length of a block, often enough not to be missed after `absent_s`."""
        self._run = run
        self._every_s = min(self._usually_s, absent_s / _BEATS_WITHIN_ABSENT)
        self.hurry()
        try:
            yield
        finally:
            self._run, self._every_s = "", self._usually_s

    def hurry(self) -> None:
        """Beat at once: what the next answer says may have changed."""
        self._hurry.set()

    async def beat(self, client: FederationClient) -> None:
        """Beat until the coordinator stays away or refuses, which is raised.

        An answer may be held until a run begins; the next beat comes so much sooner.
        """
        while True:
            about, began = self._run, time.monotonic()
            self._reply = await client.beat(about)
            self._about = about
            self._came.set()
            await set_within(self._hurry, self._every_s - (time.monotonic() - began))
            self._hurry.clear()

    async def next(self) -> None:
        """Wait for the next answer."""
        self._came.clear()
        await self._came.wait()

    @property
    def _state(self) -> int:
        # An answer to a beat from before the run is about another run, or none.
        return int(self._reply.state) if self._run and self._about == self._run else pb.RUN_STATE_UNSPECIFIED
