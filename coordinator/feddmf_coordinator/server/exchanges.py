"""Rounds at the federation port: a contribution in, the reply out once everybody has contributed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from feddmf.errors import PartyMissing, RunFailed
from feddmf.telemetry.about import note
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import encode
from feddmf.wire.framing import EXCHANGE, REPLY
from feddmf_coordinator.server.calls import Context
from feddmf_coordinator.server.intake import first_address, receive_contribution
from feddmf_coordinator.server.partials import Place
from feddmf_coordinator.server.rules import RULES
from feddmf_coordinator.server.service import Service, attempt

__all__ = ["Exchanges"]


class Exchanges(Service):
    """The methods of a round."""

    async def GetHeld(self, request: pb.HeldRequest, context: Context) -> pb.HeldReply:  # noqa: N802
        """Say how much is here of what the caller was sending when its call was cut."""
        async with self._calls.admitted(context, "GetHeld") as party:
            place = Place(party, request.run, request.phase, request.round)
            return pb.HeldReply(held=self._partials.held(place, request.sha256))

    async def Exchange(  # type: ignore[override]  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """Take a contribution, await the round table, send the reply."""
        async with self._calls.admitted(context, "Exchange") as party:
            address = await first_address(request_iterator, EXCHANGE, context)
            told = None
            try:
                session = await self._supervisor.session(address.run, party, RULES["Exchange"].states)
                await session.begun(party)
                phase = session.phase(address.phase)
                told = await self._witness.hear(address.ledger, party, context)
                place = Place(party, session.plan.run, phase.name, address.round)
                note(run=place.run, phase=place.phase, round=place.round + 1)
                await session.seated(phase, address.round, patience_s=(context.time_remaining() or 60.0) / 2)
                taken = await receive_contribution(request_iterator, session, place, context, self._partials)
                word = self._witness.begin(told, taken.what)
                with self._partials.kept_if_taken(taken.arriving):
                    reply = await session.exchange(party, phase.name, address.round, taken.payload)
            except (RunFailed, PartyMissing) as error:
                last = await self._witness.last_word(told, address.ledger, party, context)
                ended = pb.RunEnded(reason=error.message, hint=error.hint, countersignature=last)
                yield pb.ReplyPart(ended=ended).SerializeToString()
                return
            resumed = address.resumed if address.HasField("resumed") else None
            how = asyncio.create_task(asyncio.to_thread(attempt, resumed, reply.payload, phase.reply))
            # A round may take hours: whom the certificate has left in the meantime gets no reply.
            await self._calls.again(context)
            after, number = reply.next_round or ("", 0)
            closed = pb.RoundClosed(
                done=reply.done, countersignature=await word, next_phase=after, next_round=number
            )
            yield pb.ReplyPart(closed=closed).SerializeToString()
            for part in encode(reply.payload, phase.reply, REPLY, **await how):
                yield part
