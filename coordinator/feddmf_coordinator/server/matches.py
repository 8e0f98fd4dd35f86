"""Steps of matchings at the federation port: points in, the peer's points out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from feddmf.errors import PartyMissing
from feddmf.matching import POINTS, Step
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import encode
from feddmf.wire.framing import MATCH
from feddmf_coordinator.server.calls import Context
from feddmf_coordinator.server.intake import first_address, receive_points
from feddmf_coordinator.server.service import Service
from feddmf_coordinator.server.witness import matched
from feddmf_coordinator.store.matchings import MatchingId

__all__ = ["Matches"]


class Matches(Service):
    """The method of a matching."""

    async def Match(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Take one step of a matching, wait for the peer's, send it; or hear that the peer's is safe."""
        async with self._calls.admitted(context, "Match") as party:
            address = await first_address(request_iterator, MATCH, context)
            matching = MatchingId(party, address.peer, address.catalogue_version)
            if address.step == Step.TAKEN:
                await self._matchings.taken(matching)
                return
            told = await self._witness.hear(address.ledger, party, context)
            sent = await receive_points(request_iterator, party, context)
            word = self._witness.begin(told, matched(matching, address.step, sent))
            try:
                payload = await self._matchings.exchange(
                    matching, address.step, sent, wait_s=address.wait_ms / 1_000
                )
            except PartyMissing as error:
                ended = pb.RunEnded(reason=error.message, hint=error.hint)
                yield pb.MatchPart(countersignature=await word).SerializeToString()
                yield pb.MatchPart(ended=ended).SerializeToString()
                return
            await self._calls.again(context)
            yield pb.MatchPart(countersignature=await word).SerializeToString()
            for part in encode(payload, POINTS, MATCH):
                yield part
