"""One step of a matching with a peer: points up, the peer's points down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from feddmf.errors import PayloadError, TimedOut
from feddmf.matching import POINTS, Step
from feddmf.payload import Payload
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.framing import MATCH
from feddmf.wire.pace import travel_s
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf.wire.points import fed_points
from feddmf_party.client.answers import streamed
from feddmf_party.client.bounds import ASK
from feddmf_party.client.connection import Connection
from feddmf_party.client.transfers import Upload
from feddmf_party.egress import ClearedPoints

__all__ = ["Matchings"]


class Matchings(Connection):
    """Calls about private set intersections of item keys."""

    async def match(self, points: ClearedPoints, *, most: int, wait_s: float) -> Payload:
        """Send cleared points of a matching, wait for those of the peer's same step, return these.

        PayloadError where they are over `most`, TimedOut where the peer does not come within `wait_s`.
        """
        until = time.monotonic() + wait_s

        async def once(ledger: pb.LedgerHead) -> Payload:
            left_s = max(0.0, until - time.monotonic())
            address = pb.MatchAddress(
                peer=points.peer,
                catalogue_version=points.catalogue_version,
                step=points.step,
                ledger=ledger,
                wait_ms=int(left_s * 1_000),
            )

            def parts() -> Iterator[bytes]:
                yield pb.MatchPart(address=address).SerializeToString()
                yield from Upload(points, POINTS, MATCH).parts()

            decoder: PayloadDecoder | None = None
            limit_s = left_s + self._settings.call_s + travel_s(2 * points.payload.nbytes)
            async with streamed(self._stub.Match(parts(), timeout=limit_s)) as stream:
                async for raw in stream:
                    part = MATCH.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder = fed_points(decoder, part, most=most)
                    elif part.WhichOneof("part") == "countersignature":
                        self._end.keep(ledger, part.countersignature)
                    elif part.WhichOneof("part") == "ended":
                        raise TimedOut(part.ended.reason, hint=part.ended.hint)
            if decoder is None:
                raise PayloadError(f"nothing came from {points.peer}", hint="try again")
            return await asyncio.to_thread(decoder.payload)

        return await self._telling(once)

    async def match_taken(self, peer: str, version: int) -> None:
        """Tell the coordinator that the peer's points of a matching are safe here."""

        async def once() -> None:
            address = pb.MatchAddress(peer=peer, catalogue_version=version, step=Step.TAKEN)
            request = pb.MatchPart(address=address).SerializeToString()
            async with streamed(self._stub.Match(iter([request]), timeout=self._settings.call_s)) as stream:
                async for _ in stream:
                    raise PayloadError("an answer where none is due", hint=ASK)

        await self._call(once)
