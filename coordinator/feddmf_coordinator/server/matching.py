"""Matchings under way: what one party of a pair sends waits here for the other; nothing is looked into."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import numpy as np

from feddmf.errors import InputError, PartyMissing, RunFailed
from feddmf.matching import POINTS, Step
from feddmf.payload import Payload
from feddmf.waiting import set_within
from feddmf_coordinator.server.calls import legible
from feddmf_coordinator.store.certificates import certified_until
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.matchings import (
    KEPT,
    MatchingId,
    Sent,
    add_step,
    find_sent,
    forget_points,
)

__all__ = ["Matchings"]

log = logging.getLogger(__name__)

_NAME = POINTS.arrays[0].name


class Matchings:
    """Hands points from party to party; each wait is bounded and names who is missing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arrivals: dict[tuple[str, str], asyncio.Event] = {}

    async def exchange(self, matching: MatchingId, step: int, points: Payload, *, wait_s: float) -> Payload:
        """Keep what a party sends and return what its peer sends in the same step, once it is there.

        PartyMissing after `wait_s`; what was sent waits on, for days. Raises as `add_step` does.
        """
        items = len(points[_NAME])
        await asyncio.to_thread(self._keep, matching, step, points[_NAME].tobytes(), items)
        log.info("%s matches %d items with %s, step %d", matching.party, items, matching.peer, step)
        self._arrivals.pop(matching.pair, asyncio.Event()).set()
        sent = await self._arrived(matching.of_peer, step, min(wait_s, KEPT.total_seconds()))
        if sent is None:
            raise _missing(matching, step, wait_s)
        if sent.points is None:
            raise RunFailed(
                f"the points of {matching.peer} have been delivered, or waited for over {KEPT.days} days",
                hint=f"ask {matching.peer} for what was found, or match again after the next "
                "catalogue version",
            )
        words = np.frombuffer(sent.points, dtype=POINTS.arrays[0].dtype.numpy)
        return Payload({_NAME: words.reshape(sent.items, -1)})

    async def taken(self, matching: MatchingId) -> None:
        """Forget the points of the peer: the party has what it needs of them."""
        await asyncio.to_thread(self._forget, matching.of_peer)

    async def _arrived(self, matching: MatchingId, step: int, wait_s: float) -> Sent | None:
        """Return what the party of `matching` sends in a step; None if it does not come within `wait_s`."""
        until = asyncio.get_running_loop().time() + wait_s
        while True:
            # Before the look, so that what comes during it is noticed.
            arrival = self._arrivals.setdefault(matching.pair, asyncio.Event())
            sent = await asyncio.to_thread(self._find, matching, step)
            if sent is not None:
                return sent
            if not await set_within(arrival, until - asyncio.get_running_loop().time()):
                return None

    def _keep(self, matching: MatchingId, step: int, points: bytes, items: int) -> None:
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            if matching.peer == matching.party or matching.peer not in certified_until(connection, now=now):
                raise InputError(
                    f"there is no other party {legible(matching.peer, 40)!r} to match with",
                    hint="ask the operator who is enrolled: feddmf coordinator status",
                )
            add_step(connection, matching, step, points, items=items, now=now)

    def _find(self, matching: MatchingId, step: int) -> Sent | None:
        with self._database.read() as connection:
            return find_sent(connection, matching, step)

    def _forget(self, matching: MatchingId) -> None:
        with self._database.begin() as connection:
            forget_points(connection, matching)


def _missing(matching: MatchingId, step: int, wait_s: float) -> PartyMissing:
    peer = matching.peer
    what = {Step.HIDE: "has not begun to match", Step.ANSWER: "has begun to match, and has not answered yet"}[
        Step(step)
    ]
    return PartyMissing(
        (peer,),
        f"{peer} {what} with {matching.party} under catalogue version {matching.version}, waited for "
        f"{wait_s:g} s",
        hint=f"ask {peer} to run feddmf catalog match --with {matching.party}, and run this again; what "
        f"was sent waits for it for {KEPT.days} days",
    )
