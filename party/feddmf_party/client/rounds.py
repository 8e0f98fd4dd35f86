"""One round from a party's side: the contribution up, the reply down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from feddmf.errors import RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Axis, PayloadSchema
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.framing import EXCHANGE, REPLY
from feddmf.wire.pace import travel_s
from feddmf.wire.payload_pb2 import PayloadHeader
from feddmf_party.client.answers import streamed
from feddmf_party.client.transfers import Transfers, Upload, resumption
from feddmf_party.egress import Cleared

__all__ = ["Rounds"]


class Rounds(Transfers):
    """The exchange of a run."""

    async def exchange(
        self, cleared: Cleared, *, reply: PayloadSchema, sizes: Mapping[Axis, int], limit_s: float
    ) -> Reply:
        """Send a cleared contribution, wait for the round, return the reply, checked against its schema.

        limit_s: for each attempt, beside what the slowest line takes for both.
        """
        upload, decoder = Upload(cleared, cleared.schema, EXCHANGE), PayloadDecoder(reply, sizes)
        attempt_s = limit_s + travel_s(upload.nbytes + reply.nbytes(sizes))

        def parts(ledger: pb.LedgerHead) -> Iterator[bytes]:
            address = pb.ExchangeAddress(
                run=cleared.run,
                phase=cleared.phase,
                round=cleared.round,
                ledger=ledger,
                resumed=resumption(decoder) if upload.begun else None,
            )
            yield pb.ExchangePart(address=address).SerializeToString()
            yield from upload.parts()

        async def once(ledger: pb.LedgerHead) -> Reply:
            closed = pb.RoundClosed()
            await self._go_on(upload, cleared.run, cleared.phase, cleared.round)
            async with streamed(self._stub.Exchange(parts(ledger), timeout=attempt_s)) as stream:
                async for raw in stream:
                    part = REPLY.open(raw)
                    if isinstance(part, memoryview | PayloadHeader):
                        decoder.feed(part)
                    elif part.WhichOneof("part") == "ended":
                        if part.ended.HasField("countersignature"):
                            self._end.keep(ledger, part.ended.countersignature)
                        raise RunFailed(part.ended.reason, hint=part.ended.hint)
                    else:
                        closed = part.closed
                        self._end.keep(ledger, closed.countersignature)
            next_round = (closed.next_phase, closed.next_round) if closed.next_phase else None
            return Reply(await asyncio.to_thread(decoder.payload), closed.done, next_round)

        return await self._telling(once, lambda: upload.arrived + decoder.arrived)
